import { readFileSync } from 'node:fs';
import { DATA_DIR, GPU_INDEX_FILE, INDEX_FILE } from '../data-dir.js';
import { InputError } from '../errors.js';
import type { EngineEntry, Entry, GpuEntry, ModelEntry, QuantEntry } from '../schema/catalog.js';
import type { Engine } from '../schema/engine.js';
import type { Gpu } from '../schema/gpu.js';
import type { Architecture, Model, ModelFile, Variant } from '../schema/model.js';
import type { PriceList } from '../schema/price.js';
import type { Quant } from '../schema/quant.js';
import { nearMisses, normalised } from './names.js';

interface Index {
  readonly version: string;
  readonly data: string;
  readonly models: readonly ModelEntry[];
  readonly quants: readonly QuantEntry[];
  readonly engines: readonly EngineEntry[];
  readonly priceLists: readonly Entry[];
}

/** The shipped facts: an index of names in memory, a file read when it is first asked for. */
export interface Catalog extends Index {
  /** Read when first asked for. */
  readonly gpus: readonly GpuEntry[];
  findModel(name: string): ModelEntry | undefined;
  findGpu(name: string): GpuEntry | undefined;
  findQuant(name: string): QuantEntry | undefined;
  findEngine(name: string): EngineEntry | undefined;
  /** Reads a model with its geometry, its own or the one it shares; the name asked for may pick a variant. */
  model(entry: ModelEntry, name?: string): Model;
  /** The release that a hub id names, where it has a context or a weight format of its own. */
  variant(entry: ModelEntry, name: string): Variant | undefined;
  gpu(entry: GpuEntry): Gpu;
  quant(entry: QuantEntry): Quant;
  engine(entry: EngineEntry): Engine;
  /** The price lists of machines for rent. */
  prices(): PriceList[];
  /** The geometry of the catalogue's model with this id. */
  architecture(id: string): Architecture;
}

/**
 * Opens the catalogue that was built with the program.
 *
 * @throws InputError `bug` where the index is missing: the program was not built
 * @example openCatalog().findModel('maverick')?.id // 'llama-4-maverick'
 */
export function openCatalog(): Catalog {
  const index = readJson<Index>(INDEX_FILE);
  let cards: readonly GpuEntry[] | undefined;
  const gpus = (): readonly GpuEntry[] => {
    cards ??= readJson<GpuEntry[]>(GPU_INDEX_FILE);
    return cards;
  };
  const files = new Map<string, unknown>();
  const read = <T>(entry: Entry): T => {
    const known = files.get(entry.file) ?? readJson<T>(DATA_DIR + entry.file);
    files.set(entry.file, known);
    return known as T;
  };
  const architecture = (id: string): Architecture => {
    const entry = index.models.find((model) => model.id === id);
    if (!entry)
      throw new InputError('bad-file', {
        problem: `sameAs names "${id}", which the catalogue does not have`,
      });
    return geometry(read<ModelFile>(entry));
  };
  const geometry = (file: ModelFile): Architecture =>
    'sameAs' in file.architecture ? architecture(file.architecture.sameAs) : file.architecture;

  return {
    ...index,
    get gpus() {
      return gpus();
    },
    findModel: finder(
      () => index.models,
      ({ id, name, aliases, hubIds }) => [id, name, ...aliases, ...hubIds],
    ),
    findGpu: finder(gpus, ({ id, name, aliases }) => [id, name, ...aliases]),
    findQuant: finder(
      () => index.quants,
      ({ id }) => [id],
    ),
    findEngine: finder(
      () => index.engines,
      ({ id, aliases }) => [id, ...aliases],
    ),
    architecture,
    variant: (entry, name) => (name.includes('/') ? variantOf(read<ModelFile>(entry), name) : undefined),
    model: (entry, name = entry.id) => {
      const file = read<ModelFile>(entry);
      const { nativeContext, releasedFormat } = variantOf(file, name) ?? {};
      return {
        ...file,
        ...(nativeContext ? { context: { native: nativeContext } } : {}),
        ...(releasedFormat ? { releasedFormat, ownFormat: releasedFormat } : {}),
        id: entry.id,
        architecture: geometry(file),
      };
    },
    gpu: (entry) => read<Gpu>(entry),
    quant: (entry) => read<Quant>(entry),
    engine: (entry) => read<Engine>(entry),
    prices: () => index.priceLists.map((entry) => read<PriceList>(entry)),
  };
}

function variantOf({ variants = [] }: Pick<ModelFile, 'variants'>, hubId: string): Variant | undefined {
  return variants.find(({ hubIds }) => hubIds.some((id) => normalised(id) === normalised(hubId)));
}

/** Looks names up in a table made at the first question. */
export function finder<T extends Entry>(
  entries: () => readonly T[],
  namesOf: (entry: T) => string[],
): (name: string) => T | undefined {
  let table: Map<string, T> | undefined;
  return (name) => {
    table ??= new Map(
      entries().flatMap((entry) => namesOf(entry).map((known) => [normalised(known), entry] as const)),
    );
    return table.get(normalised(name));
  };
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    throw new InputError('bug', { problem: `cannot read ${file}: ${(error as Error).message}` });
  }
}

/** Names of the catalogue that are like an unknown one. */
export function modelsLike(catalog: Catalog, name: string): string[] {
  return nearMisses(
    name,
    catalog.models.flatMap(({ id, aliases }) => [id, ...aliases]),
  );
}
