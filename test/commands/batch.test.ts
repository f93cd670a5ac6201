import { expect, test } from 'vitest';
import { errorSchema, planSchema } from '../../src/schema/result.js';
import { ran } from './outside.js';

const GOOD = '{"id":"a","model":"llama-3.1-8b","quant":"q4"}';

test('every line is answered in order, wrong ones among good ones', async () => {
  const input = [GOOD, 'no json', '', '{"model":"nobody"}', GOOD.replace('"a"', '[1]')];
  const { out, exitCode } = await ran(['batch'], { input });
  const documents = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(documents.map(({ kind, id }) => [kind, id])).toEqual([
    ['plan', 'a'],
    ['error', null],
    ['error', null],
    ['plan', [1]],
  ]);
  expect(exitCode).toBe(2);
  for (const document of documents) (document.kind === 'plan' ? planSchema : errorSchema).parse(document);
});

test('"does not fit" is an answer like any other', async () => {
  const { out, exitCode } = await ran(['batch'], {
    input: ['{"model":"maverick","devices":[{"gpu":"4090"}]}'],
  });
  expect(JSON.parse(out).verdict.fits).toBe(false);
  expect(exitCode).toBe(0);
});

test.each([
  ['{"model":"maverick","devices":[{"gpuu":"4090"}]}', 'unknown-key'],
  ['{"model":"maverick","contextTokens":1.5}', 'bad-number'],
  ['{"model":"maverick","contextTokens":"5x"}', 'bad-number'],
  ['{"model":"maverick","options":{"nonsense":1}}', 'unknown-option'],
  ['{"model":"maverick","parallel":{"tensor":2}}', 'impossible-layout'],
  ['{}', 'bad-number'],
  ['"text"', 'bad-json'],
])('%s is %s', async (line, code) => {
  const { out } = await ran(['batch'], { input: [line] });
  expect(JSON.parse(out).error.code).toBe(code);
});

test('the resolved request of an answer is a request with the same answer', async () => {
  const first = JSON.parse((await ran(['batch'], { input: [GOOD] })).out);
  const again = JSON.parse(
    (await ran(['batch'], { input: [JSON.stringify({ id: 'a', ...first.request })] })).out,
  );
  expect({ ...again, notes: [] }).toEqual({ ...first, notes: [] });
});
