// Compares the weights of stock mixes with the sizes of ../shared: dry runs of llama-quantize, files, and what loaders printed.
import { existsSync, readFileSync } from 'node:fs';
import { InputError } from '../src/errors.js';
import { createPlanner } from '../src/index.js';

const FILE = new URL('../../shared/truth/weight-sizes.json', import.meta.url);

/** Shares of the size that the median and the worst may be off. */
const MEDIAN = 0.001;
const WORST = 0.005;

interface Row {
  readonly model: string;
  readonly format: string;
  readonly quant: string;
  readonly bytes: number;
  readonly bytes_kind: string;
  readonly custom_mix?: boolean | null;
  readonly imatrix?: boolean;
  readonly tensor_types?: Readonly<Record<string, number>>;
}

/** What is further off than it may be, by model and format, and why. */
const EXPLAINED: Readonly<Record<string, string>> = {
  'zai-org/GLM-4.7-Flash BF16':
    'made without the layer for further tokens, which the converter of v0.5.0 keeps',
  'Qwen/Qwen2-1.5B-Instruct Q4_0': 'a file: 8.5 MB of it are the vocabulary, its tensors are exact',
};

/** A stock mix of 8 bits has no types of 3. */
const isStock = ({ custom_mix: custom, quant, tensor_types: types = {} }: Row): boolean =>
  !custom && !(quant === 'Q8_0' && Object.keys(types).some((type) => !['q8_0', 'f32'].includes(type)));

const planner = createPlanner();

/** How much more was planned, as a share; `undefined` for a model or a format that is not planned. */
async function offBy({ model, quant, imatrix, bytes }: Row): Promise<number | undefined> {
  if (!planner.catalog.findModel(model)) return undefined;
  try {
    const { prepared } = await planner.ask({ model, quant, imatrix: imatrix === true });
    return prepared.forEngine.fileBytes / bytes - 1;
  } catch (error) {
    if (error instanceof InputError && error.code === 'unknown-quant') return undefined;
    throw error;
  }
}

async function main(): Promise<void> {
  const rows: Row[] = JSON.parse(readFileSync(FILE, 'utf8'));
  const found: { readonly name: string; readonly off: number }[] = [];
  for (const row of rows.filter((one) => one.format === 'gguf' && isStock(one))) {
    const off = await offBy(row);
    if (off !== undefined) found.push({ name: `${row.model} ${row.quant}`, off });
  }
  const shares = found.map(({ off }) => Math.abs(off)).sort((a, b) => a - b);
  const median = shares[Math.floor(shares.length / 2)]!;
  const far = found.filter(({ off }) => Math.abs(off) > WORST);
  for (const { name, off } of far)
    console.log(`${(off * 100).toFixed(2)} %  ${name}: ${EXPLAINED[name] ?? 'not explained'}`);
  const within = shares.filter((share) => share <= MEDIAN).length;
  console.log(
    `${shares.length} sizes of stock mixes, median off by ${median * 100} %, ${within} within 0.1 %`,
  );
  if (median > MEDIAN || far.some(({ name }) => !(name in EXPLAINED))) process.exitCode = 1;
}

if (existsSync(FILE)) await main();
else console.log('skipped: ../shared not found');
