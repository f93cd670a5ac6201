// Imports every config of ../shared and compares the parameters counted from the spec with those computed there.
import { existsSync, readFileSync } from 'node:fs';
import { layoutOf } from '../src/core/tensors/index.js';
import { countParameters } from '../src/core/tensors/parameters.js';
import { InputError } from '../src/errors.js';
import { importConfig } from '../src/importers/hf-config/index.js';
import { parseLenientJson } from '../src/importers/lenient-json.js';
import { architectureSchema } from '../src/schema/model.js';

const FOLDER = new URL('../../shared/models/', import.meta.url);

/** Of the configs that have a computed count, this share must be met exactly. */
const WANTED = 0.97;

interface Entry {
  readonly file: string;
  readonly kind?: string;
  readonly computed_params?: number;
}

type Outcome = 'exact' | 'imported' | 'differs' | 'refused' | 'broken';

function outcomeOf({ file, computed_params: wanted }: Entry): { outcome: Outcome; words: string } {
  const path = new URL(`configs/${file}`, FOLDER);
  try {
    const values = parseLenientJson(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const model = importConfig(values, { from: file, date: '2026-11-26', id: 'config' });
    architectureSchema.parse(model.architecture);
    const { total } = countParameters(layoutOf(model.architecture));
    if (wanted === undefined) return { outcome: 'imported', words: `${total}, nothing to compare with` };
    const words = `${total} for ${wanted}, ${total - wanted} more`;
    return { outcome: total === wanted ? 'exact' : 'differs', words };
  } catch (error) {
    if (error instanceof InputError)
      return { outcome: 'refused', words: `${error.code} ${JSON.stringify(error.args)}` };
    return { outcome: 'broken', words: (error as Error).stack ?? String(error) };
  }
}

function main(): void {
  const index = new URL('index.json', FOLDER);
  if (!existsSync(index)) {
    console.log('skipped: ../shared not found');
    return;
  }
  const entries = (JSON.parse(readFileSync(index, 'utf8')) as Entry[]).filter(
    ({ file }) => !file.includes('hf_quant_config'),
  );
  const results = entries.map((entry) => ({ entry, ...outcomeOf(entry) }));
  for (const { entry, outcome, words } of results)
    if (outcome !== 'exact') console.log(`${outcome.padEnd(9)} ${entry.file}: ${words}`);
  const counted = results.filter(({ entry }) => entry.computed_params !== undefined);
  const exact = counted.filter(({ outcome }) => outcome === 'exact').length;
  const share = exact / counted.length;
  console.log(
    `${entries.length} configs, ${exact} of ${counted.length} counts exact (${(100 * share).toFixed(1)} %)`,
  );
  const broken = results.some(({ outcome }) => outcome === 'broken');
  process.exitCode = share < WANTED || broken ? 1 : 0;
}

main();
