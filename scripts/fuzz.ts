/**
 * Hands broken files to the readers for a given time: `tsx scripts/fuzz.ts --seconds 60 --seed 1`.
 * Every file must give an answer or an error for a user, within a second and 200 MB. What does not is kept,
 * and the seed and round that made it are printed; the same seed makes the same files.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { layoutOf } from '../src/core/tensors/index.js';
import { countParameters } from '../src/core/tensors/parameters.js';
import { InputError } from '../src/errors.js';
import { type ByteSource, memorySource } from '../src/importers/bytes-source.js';
import { GGUF_FAMILIES } from '../src/importers/gguf/families.js';
import { readGgufHeader } from '../src/importers/gguf/header.js';
import { modelFromGguf } from '../src/importers/gguf/model.js';
import { importConfig } from '../src/importers/hf-config/index.js';
import { parseHubRef } from '../src/importers/hub/ref.js';
import { parseLenientJson } from '../src/importers/lenient-json.js';
import { readSafetensors } from '../src/importers/safetensors/header.js';
import { strictJson } from '../src/importers/safetensors/strict-json.js';
import { errorWords } from '../src/render/messages.js';
import { architectureSchema } from '../src/schema/model.js';
import { writeGguf } from '../test/importers/gguf/gguf-writer.js';
import { writeTensors } from '../test/importers/safetensors/safetensors-writer.js';

const MOST_MS = 1000;
const MOST_BYTES = 200 * 1024 ** 2;
/** A pause of the collector or of the machine is no fault of a reader: a slow file is read again. */
const READINGS = 3;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) throw new Error('--seconds and --seed are numbers');

type Random = (below: number) => number;

/** mulberry32: a small generator whose every seed gives the same numbers on every machine. */
function randomFrom(start: number): Random {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!;

const layer = (index: number) =>
  [
    ['attn_norm.weight', [64]],
    ['ffn_norm.weight', [64]],
    ['attn_q.weight', [64, 64]],
    ['attn_k.weight', [64, 32]],
    ['attn_v.weight', [64, 32]],
    ['attn_output.weight', [64, 64]],
    ['ffn_gate.weight', [64, 128]],
    ['ffn_up.weight', [64, 128]],
    ['ffn_down.weight', [128, 64]],
  ].map(([name, ne]) => ({ name: `blk.${index}.${name as string}`, ne: ne as number[] }));

const KEYS = {
  context_length: 4096,
  block_count: 2,
  embedding_length: 64,
  feed_forward_length: [128, 128],
  'attention.head_count': 4,
  'attention.head_count_kv': [2, 2],
  'attention.sliding_window': 64,
  'attention.sliding_window_pattern': [1, 0],
  'attention.shared_kv_layers': 1,
  'rope.freq_base': 500000.5,
  logit_scale: 16,
};

const ggufOf = (architecture: string): Buffer =>
  writeGguf({
    metadata: {
      'general.architecture': architecture,
      'general.name': 'A model',
      ...Object.fromEntries(Object.entries(KEYS).map(([key, value]) => [`${architecture}.${key}`, value])),
      'tokenizer.ggml.tokens': ['<s>', '</s>', 'é'],
    },
    tensors: [{ name: 'token_embd.weight', ne: [64, 100] }, ...layer(0), ...layer(1)],
  }).header;

const GGUFS = Object.keys(GGUF_FAMILIES).map(ggufOf);

const SAFETENSORS = writeTensors(
  {
    'model.embed_tokens.weight': { dtype: 'BF16', shape: [10, 4], bytes: 80 },
    'model.norm.weight': { dtype: 'F32', shape: [4], bytes: 16 },
    'model.scale': { dtype: 'F8_E4M3', shape: [], bytes: 1 },
  },
  { format: 'pt' },
);

/** Configs of the makers, where they are at hand, else one of a plain decoder. */
const CONFIGS = new URL('../../shared/models/configs/', import.meta.url);
const CONFIG_TEXTS: readonly string[] = existsSync(CONFIGS)
  ? readdirSync(CONFIGS).map((name) => readFileSync(new URL(name, CONFIGS), 'utf8'))
  : [
      '{"model_type":"llama","hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":100}',
    ];

const NUMBERS = [
  0n,
  1n,
  31n,
  255n,
  65_535n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n + 1n,
  2n ** 60n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0000',
  'NaN',
  '-1',
  '1e999',
  '../',
  '\u001b',
  '__proto__',
  '[[[[[[[[',
];

/** One change of a file: bytes, numbers or words put in its place, pieces taken out or doubled. */
const CHANGES: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    bytes[random(bytes.length)] = random(256);
    return bytes;
  },
  (bytes, random) => {
    bytes[random(bytes.length)]! ^= 1 << random(8);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length >= 8) bytes.writeBigUInt64LE(pick(NUMBERS, random), random(bytes.length - 7));
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length >= 4)
      bytes.writeUInt32LE(Number(pick(NUMBERS, random) & 0xffffffffn), random(bytes.length - 3));
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(64))]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    const piece = bytes.subarray(at, at + random(200));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(WORDS, random)), bytes.subarray(at)]);
  },
  (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random(5000))]),
];

function changed(start: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(start);
  for (let count = 1 + random(6); count > 0 && bytes.length > 0; count--)
    bytes = Buffer.from(pick(CHANGES, random)(bytes, random));
  return bytes;
}

/** The header's own length put right again, so that what is inside is read at all. */
function withLength(bytes: Buffer): Buffer {
  if (bytes.length >= 8) bytes.writeBigUInt64LE(BigInt(Math.max(0, bytes.length - 8 - 97)));
  return bytes;
}

/** Values that no field of a config has. */
const VALUES: readonly unknown[] = [
  ...[null, true, false, '', 'x', 'full_attention', 'NaN', '__proto__'],
  ...[0, 1, 2, 3, 7, 64, 4096, -1, 0.5, -0.25, 1e9, 1e15, 2 ** 53, 1e300],
  ...[[], [[]], [0], [1, 2, 3], ['x'], [null], {}, { a: 1 }, { layers: { a: [] } }],
];

/** A config with some of its values replaced, taken out, or put under another name. */
function changedConfig(text: string, random: Random): Buffer {
  const config = parseLenientJson(text) as Record<string, unknown>;
  for (let count = 1 + random(3); count > 0; count--) changeField(config, random);
  return Buffer.from(JSON.stringify(config));
}

function changeField(fields: Record<string, unknown>, random: Random): void {
  const name = pick(Object.keys(fields), random);
  if (name === undefined) return;
  const value = fields[name];
  const isNested = typeof value === 'object' && value !== null;
  const kind = random(8);
  if (isNested && random(4) > 0) changeField(value as Record<string, unknown>, random);
  else if (kind === 0) delete fields[name];
  else if (kind === 1) fields[`${name}_2`] = value;
  else if (kind === 2 && typeof value === 'number') fields[name] = value * 2 + random(3) - 1;
  else fields[name] = structuredClone(pick(VALUES, random));
}

/** A config gives a spec that the schema takes and whose parameters can be counted. */
function importWhole(bytes: Buffer): void {
  const values = parseLenientJson(bytes.toString()) as Record<string, unknown>;
  const { architecture } = importConfig(values, { ...ORIGIN, id: 'fuzz' });
  architectureSchema.parse(architecture);
  const { total } = countParameters(layoutOf(architecture));
  if (!(total > 0)) throw new Error(`${total} parameters`);
}

interface Target {
  readonly name: string;
  readonly make: (random: Random) => Buffer;
  readonly read: (source: ByteSource, bytes: Buffer) => unknown;
}

const ORIGIN = {
  from: 'fuzz',
  date: '2026-01-01',
  architectures: Object.fromEntries(Object.keys(GGUF_FAMILIES).map((name) => [name, name])),
};

const TARGETS: readonly Target[] = [
  {
    name: 'gguf',
    make: (random) => changed(pick(GGUFS, random), random),
    read: async (source) => modelFromGguf(await readGgufHeader(source), ORIGIN),
  },
  {
    name: 'safetensors',
    make: (random) => changed(SAFETENSORS, random),
    read: (source) => readSafetensors(source),
  },
  {
    name: 'safetensors-json',
    make: (random) => withLength(changed(SAFETENSORS, random)),
    read: (source) => readSafetensors(source),
  },
  {
    name: 'index',
    make: (random) =>
      changed(Buffer.from('{"metadata":{"total_size":1},"weight_map":{"a":"b.safetensors"}}'), random),
    read: (source, bytes) => strictJson(bytes, source.name),
  },
  {
    name: 'config',
    make: (random) => changedConfig(pick(CONFIG_TEXTS, random), random),
    read: (_, bytes) => importWhole(bytes),
  },
  {
    name: 'hub-name',
    make: (random) => changed(Buffer.from('org/name@refs/pr/1:Q4_K_M'), random),
    read: (_, bytes) => parseHubRef(bytes.toString('latin1')),
  },
];

/** What is wrong with how a file was read; `undefined`: nothing. */
async function faultOf({ name, read }: Target, bytes: Buffer): Promise<string | undefined> {
  try {
    await read(memorySource(name, bytes), bytes);
  } catch (error) {
    if (!(error instanceof InputError))
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    const { message, hint } = errorWords(error.code, error.args);
    if (/\p{Cc}/u.test(message.replace(/[\t\n]/g, '')) || message === '' || hint === '')
      return `bad words: ${message}`;
  }
  return undefined;
}

async function isSlow(target: Target, bytes: Buffer): Promise<boolean> {
  for (let reading = 0; reading < READINGS; reading++) {
    const start = performance.now();
    await faultOf(target, bytes);
    if (performance.now() - start <= MOST_MS) return false;
  }
  return true;
}

async function fuzz(): Promise<void> {
  const kept = mkdtempSync(join(tmpdir(), 'llmspec-fuzz-'));
  const end = performance.now() + seconds * 1000;
  const memory = process.memoryUsage.rss();
  let round = 0;
  let faults = 0;
  let slowest = 0;
  let largest = 0;
  for (; performance.now() < end; round++) {
    const random = randomFrom(seed * 1_000_003 + round);
    const target = pick(TARGETS, random);
    const bytes = target.make(random);
    const start = performance.now();
    let fault = await faultOf(target, bytes);
    const ms = performance.now() - start;
    slowest = Math.max(slowest, ms);
    if (round % 100 === 0) largest = Math.max(largest, process.memoryUsage.rss() - memory);
    if (!fault && ms > MOST_MS && (await isSlow(target, bytes))) fault = `it took ${Math.round(ms)} ms`;
    if (!fault && largest > MOST_BYTES) fault = `memory grew by ${largest} bytes`;
    if (!fault) continue;
    faults++;
    const path = join(kept, `${target.name}-${seed}-${round}`);
    writeFileSync(path, bytes);
    console.error(`${target.name}, seed ${seed}, round ${round}, kept as ${path}:\n${fault}`);
    if (faults >= 10 || largest > MOST_BYTES) break;
  }
  const megabytes = Math.round(largest / 1024 ** 2);
  console.log(
    `${round} files, ${faults} faults, slowest ${slowest.toFixed(1)} ms, at most ${megabytes} MiB more`,
  );
  if (faults > 0) process.exitCode = 1;
}

await fuzz();
