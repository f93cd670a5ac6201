import { expect, test } from 'vitest';
import { createPlanner } from '../../src/index.js';
import { rowsOf } from './csv.js';

const rows = rowsOf<'model' | 'quant' | 'imatrix' | 'bytes'>('quant-sizes.csv');
const planner = createPlanner();

const cases = rows.map(({ model, quant, imatrix, bytes }) => [model, quant, imatrix, bytes] as const);

test.each(cases)('%s in %s, importance matrix %s, is %s bytes', async (model, quant, imatrix, bytes) => {
  const plan = await planner.plan({ model, quant, imatrix: imatrix === 'true' });
  expect(plan.disk.fileBytes).toBe(Number(bytes));
});

test('the rows have every mix of the catalogue', () => {
  const mixes = planner.catalog.quants.filter(({ kind }) => kind === 'gguf-mix').map(({ id }) => id);
  const known = new Set(rows.map(({ quant }) => quant));
  expect(mixes.filter((mix) => !known.has(mix))).toEqual([]);
});
