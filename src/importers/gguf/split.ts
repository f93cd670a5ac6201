import { basename, dirname, join } from 'node:path';
import { type ByteSource, brokenFile, localSource } from '../bytes-source.js';
import { type GgufHeader, type GgufTensorInfo, readGgufHeader } from './header.js';
import { ropeFactor } from './rope-factor.js';

/** A model in one GGUF file or in several: the metadata of the first, the tensors of all. */
export interface Gguf extends GgufHeader {
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** The day the first file was written, where that is known. */
  readonly date?: string;
  /** The largest stretch of rope frequencies, where the file holds a table of them. */
  readonly ropeFactor?: number;
}

const PART = /-(\d{5})-of-(\d{5})\.gguf$/;

/** As many files as a split may have: `split.count` has 16 bits, and models have dozens. */
const MOST_PARTS = 1000;

/**
 * Reads a GGUF file of this machine, with all parts of a split one, whichever part is named.
 *
 * @throws InputError `bad-file` as {@link readGguf}
 * @example (await readGgufFile('DeepSeek-V3-Q4_K_M-00001-of-00010.gguf')).files.length // 10
 */
export async function readGgufFile(path: string): Promise<Gguf> {
  const first = await localSource(path);
  return readGguf(first, (name) => localSource(join(dirname(path), name)));
}

/**
 * Reads a model from one part and a way to open the others by their file name.
 *
 * @throws InputError `bad-file` where a part is missing or broken, or where the parts do not belong together
 */
export async function readGguf(
  named: ByteSource,
  open: (fileName: string) => Promise<ByteSource>,
): Promise<Gguf> {
  const header = await readGgufHeader(named);
  const count = splitNumber(header, 'split.count') ?? 1;
  if (count <= 1) return whole(named, header);
  if (count > MOST_PARTS)
    throw brokenFile(named.name, `it claims to be one of ${count} parts, and ${MOST_PARTS} are the most`);
  const sources: ByteSource[] = [];
  for (const name of partNames(named.name, count))
    sources.push(name === basename(named.name) ? named : await open(name));
  const headers: GgufHeader[] = [];
  for (const source of sources) headers.push(source === named ? header : await readGgufHeader(source));
  headers.forEach((part, index) => {
    checkPart(part, index, count);
  });
  return merged(sources, headers);
}

async function whole(source: ByteSource, header: GgufHeader): Promise<Gguf> {
  const factor = await ropeFactor(source, header);
  return {
    ...header,
    files: [{ name: basename(source.name), bytes: source.size }],
    ...(source.date === undefined ? {} : { date: source.date }),
    ...(factor === undefined ? {} : { ropeFactor: factor }),
  };
}

/** The number under a `split.` key; some tools write it with a sign. */
function splitNumber({ name, metadata }: GgufHeader, key: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw brokenFile(name, `${key} is no count`);
  return value;
}

/** `common.cpp:llama_split_path`: the number counts from 1. */
function partNames(path: string, count: number): string[] {
  const found = PART.exec(basename(path));
  if (!found || Number(found[2]) !== count)
    throw brokenFile(
      path,
      `it is one of ${count} parts, but is not called so`,
      undefined,
      `Give all parts their names back: name-00001-of-${digits(count)}.gguf and so on, in one folder.`,
    );
  const start = basename(path).slice(0, found.index);
  return Array.from(
    { length: count },
    (_, index) => `${start}-${digits(index + 1)}-of-${digits(count)}.gguf`,
  );
}

const digits = (count: number): string => String(count).padStart(5, '0');

function checkPart(header: GgufHeader, index: number, count: number): void {
  const [number, parts] = [splitNumber(header, 'split.no'), splitNumber(header, 'split.count')];
  if (number !== index || parts !== count)
    throw brokenFile(
      header.name,
      `it says that it is part ${(number ?? 0) + 1} of ${parts ?? 1}, but its name says part ${index + 1} of ${count}`,
      undefined,
      'Give the parts their own names back.',
    );
}

async function merged(sources: readonly ByteSource[], headers: readonly GgufHeader[]): Promise<Gguf> {
  const first = headers[0]!;
  const tensors: GgufTensorInfo[] = headers.flatMap((header) => header.tensors);
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw brokenFile(first.name, `the tensor "${name}" is in two parts`);
    names.add(name);
  }
  const expected = splitNumber(first, 'split.tensors.count');
  if (expected !== undefined && expected !== tensors.length)
    throw brokenFile(
      first.name,
      `it announces ${expected} tensors, but its ${headers.length} parts hold ${tensors.length}`,
    );
  const holder = headers.findIndex((header) =>
    header.tensors.some(({ name }) => name === 'rope_freqs.weight'),
  );
  const factor = holder < 0 ? undefined : await ropeFactor(sources[holder]!, headers[holder]!);
  return {
    ...first,
    tensors,
    hasData: headers.every(({ hasData, tensors: held }) => hasData || held.length === 0),
    files: sources.map(({ name, size }) => ({ name: basename(name), bytes: size })),
    ...(sources[0]!.date === undefined ? {} : { date: sources[0]!.date }),
    ...(factor === undefined ? {} : { ropeFactor: factor }),
  };
}
