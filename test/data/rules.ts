// What a schema cannot say about data/: each rule names every problem it finds, in one line each.
import { normalised } from '../../src/catalog/names.js';
import { FAMILIES } from '../../src/core/engines/llama-cpp/families.js';
import { layoutOf, tensorsOf } from '../../src/core/tensors/index.js';
import { countParameters, elementsOf, type Parameters } from '../../src/core/tensors/parameters.js';
import { stackOf } from '../../src/core/tensors/stack.js';
import { engineSchema } from '../../src/schema/engine.js';
import { gpuSchema } from '../../src/schema/gpu.js';
import { type Architecture, modelSchema } from '../../src/schema/model.js';
import { priceSchema } from '../../src/schema/price.js';
import { ggmlType, quantSchema } from '../../src/schema/quant.js';
import { type DataFile, FILES, FOLDERS, filesOfKind, KINDS, type Kind } from './files.js';

type Rule = () => string[];

const SCHEMAS = {
  models: modelSchema,
  gpus: gpuSchema,
  quants: quantSchema,
  engines: engineSchema,
  prices: priceSchema,
};

const inFiles =
  (files: readonly DataFile[], problems: (file: DataFile) => readonly (string | false | undefined)[]): Rule =>
  () =>
    files.flatMap((file) =>
      problems(file).flatMap((problem) => (problem ? [`${file.path}: ${problem}`] : [])),
    );

const models = filesOfKind('models');
const gpus = filesOfKind('gpus');
const engines = filesOfKind('engines');
const gpuIds = new Set(gpus.map(({ id }) => id));
const quantNames = new Set(filesOfKind('quants').map(({ value }) => value.name));

/** The geometry of a model's file, its own or the one it shares. */
function architectureOf({ value }: DataFile): Architecture {
  const { sameAs } = value.architecture;
  return sameAs ? architectureOf(models.find(({ id }) => id === sameAs)!) : value.architecture;
}

/** What the core counts in a model's file. */
export const countOf = (file: DataFile): Parameters => countParameters(layoutOf(architectureOf(file)));

const own = models.filter(({ value }) => !value.architecture.sameAs);

/** Dotted names of all values; a list is one value. */
function leaves(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, below]) => leaves(below, path ? `${path}.${key}` : key));
}

const covers = (fact: string, leaf: string): boolean => leaf === fact || leaf.startsWith(`${fact}.`);

const ALWAYS_OWN = ['$schema', 'name', 'aliases', 'about', 'sources', 'notes', 'derived'];

/** What is no fact read elsewhere: names, words of our own, how to file a thing, and how sure another field is. */
const OWN_WORDS: Record<Kind, readonly string[]> = {
  models: [...ALWAYS_OWN, 'hubIds', 'disputed'],
  gpus: [
    ...ALWAYS_OWN,
    'boards',
    'vendor',
    'segment',
    'architecture',
    'backend',
    'memory.unified',
    'memory.capacityEstimated',
    'memory.usableEstimated',
  ],
  quants: [...ALWAYS_OWN, 'kind', 'lowBit'],
  engines: [...ALWAYS_OWN, 'version', 'vendors'],
  prices: [...ALWAYS_OWN, 'provider', 'currency', 'license'],
};

const factsOf = ({ value }: DataFile): string[] =>
  value.sources.flatMap(({ facts }: { facts: string[] }) => facts);

/** Names that an entry answers to, one entry for each memory size. */
function namesOf({ kind, id, value }: DataFile): { entry: string; names: string[] }[] {
  const aliases: string[] = value.aliases ?? [];
  if (kind === 'quants') return [{ entry: id, names: [value.name] }];
  if (kind === 'prices') return [{ entry: id, names: [id] }];
  if (kind === 'models') {
    const variants: string[] = (value.variants ?? []).flatMap(({ hubIds }: { hubIds: string[] }) => hubIds);
    return [{ entry: id, names: [id, value.name, ...aliases, ...(value.hubIds ?? []), ...variants] }];
  }
  const sizes: { suffix: string }[] = value.memoryOptions ?? [];
  return [
    { entry: id, names: [id, value.name, ...aliases] },
    ...sizes.map(({ suffix }) => ({
      entry: `${id}-${suffix}`,
      names: [`${id}-${suffix}`, ...aliases.map((alias) => `${alias}-${suffix}`)],
    })),
  ];
}

function sharedNames(kind: Kind): string[] {
  const owners = new Map<string, Set<string>>();
  for (const { entry, names } of filesOfKind(kind).flatMap(namesOf)) {
    for (const name of names.map(normalised)) owners.set(name, (owners.get(name) ?? new Set()).add(entry));
  }
  return [...owners].flatMap(([name, entries]) =>
    entries.size > 1 ? [`${kind}: "${name}" means ${[...entries].join(' and ')}`] : [],
  );
}

function repeated(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}

const buffersOf = (architecture: Architecture): number =>
  tensorsOf(architecture)
    .filter(({ buffer }) => buffer)
    .reduce((sum, tensor) => sum + elementsOf(tensor), 0);

/** A published total is what we count, or that and what else the checkpoint stores: further tokens and buffers. */
function countedWrong(file: DataFile): string | undefined {
  const published = file.value.published?.totalParameters;
  if (published === undefined) return undefined;
  const { total, mtp } = countOf(file);
  const stored = total + mtp + buffersOf(architectureOf(file));
  return published === total || published === stored
    ? undefined
    : `counted ${total}, or ${stored} as stored; published ${published}`;
}

/** `46.7B` of the maker is what we count, rounded as far as the maker did; `active` is left out: makers count it each in their own way. */
function roundedWrong(file: DataFile): string | undefined {
  const match = /^(\d+)(?:\.(\d+))?([BT])$/.exec(file.value.published?.total ?? '');
  if (!match)
    return (
      file.value.published?.total && `published.total "${file.value.published.total}" is no rounded figure`
    );
  const unit = match[3] === 'T' ? 1e12 : 1e9;
  const claimed = Number(`${match[1]}.${match[2] ?? 0}`) * unit;
  const { total } = countOf(file);
  return Math.abs(total - claimed) <= 0.03 * claimed
    ? undefined
    : `counted ${total}, published as ${match[0]}`;
}

function impossible(architecture: Architecture): string[] {
  const problems = Object.entries(architecture.blocks).flatMap(([name, block]) => {
    if (block.kind === 'moe' && block.activeExperts > block.experts)
      return [`${name} has more active experts than experts`];
    if ('kvHeads' in block && block.heads % block.kvHeads !== 0)
      return [`${name} has heads that key-value heads do not divide`];
    return [];
  });
  const { vision, paddingRows = 0, vocabSize } = architecture;
  if (vision && vision.imageSize % vision.patchSize !== 0)
    problems.push('the image is no whole number of patches');
  if (paddingRows >= vocabSize) problems.push('more rows are padding than there are');
  return problems;
}

/** Blocks that no layer names: left over, or a layer names another by mistake. */
function unused({ blocks, layers, exceptions, mtp }: Architecture): string[] {
  const written = [
    ...layers.flatMap(({ pattern }) => pattern),
    ...(exceptions ?? []).map(({ use }) => use),
    ...(mtp ? [mtp.layer] : []),
  ];
  const named = new Set(written.flat(2));
  return Object.keys(blocks)
    .filter((name) => !named.has(name))
    .map((name) => `block ${name} is in no layer`);
}

const thrown = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return JSON.stringify(error);
  }
};

export const RULES: Record<string, Rule> = {
  'every machine for rent has cards of the catalogue': inFiles(filesOfKind('prices'), ({ value }) =>
    value.instances.map(
      ({ id, gpu }: { id: string; gpu: string }) => !gpuIds.has(gpu) && `${id} has an unknown card ${gpu}`,
    ),
  ),

  'every file parses with the schema of its kind': inFiles(FILES, ({ kind, value }) => {
    const parsed = SCHEMAS[kind].safeParse(value);
    return parsed.success
      ? []
      : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }),

  'every kind has files': () => KINDS.filter((kind) => filesOfKind(kind).length === 0),

  'every folder with files is a kind': () =>
    FOLDERS.filter((folder) => !(KINDS as readonly string[]).includes(folder)),

  'the file name is the id': inFiles(FILES, ({ kind, id, value }) => {
    const said = kind === 'quants' || kind === 'engines' ? value.name.toLowerCase() : (value.id ?? id);
    return [
      said !== id && `calls itself ${said}`,
      !/^[a-z0-9][a-z0-9._-]*$/.test(id) && `${id} has other letters than a-z, 0-9, dot and dash`,
    ];
  }),

  'a folder of cards is a vendor': inFiles(gpus, ({ path, value }) => [
    path.split('/')[1] !== value.vendor && `is by ${value.vendor}`,
  ]),

  'a folder of models is one maker': () => {
    const makers = new Map<string, Set<string>>();
    for (const { path, value } of models) {
      const folder = path.split('/')[1]!;
      makers.set(folder, (makers.get(folder) ?? new Set()).add(value.maker));
    }
    return [...makers].flatMap(([folder, names]) =>
      names.size > 1 ? [`${folder} has ${[...names].join(' and ')}`] : [],
    );
  },

  'a name means one thing of a kind': () => KINDS.flatMap(sharedNames),

  'no name is listed twice': inFiles(FILES, ({ value }) =>
    repeated([...(value.aliases ?? []), ...(value.hubIds ?? [])].map(normalised)).map(
      (name) => `"${name}" is listed twice`,
    ),
  ),

  'every fact has a source': inFiles(FILES, (file) => {
    const covered = [...factsOf(file), ...(file.value.derived ?? []), ...OWN_WORDS[file.kind]];
    return leaves(file.value)
      .filter((leaf) => !covered.some((fact) => covers(fact, leaf)))
      .map((leaf) => `${leaf} has no source`);
  }),

  'every source is for a fact of its file': inFiles(FILES, (file) => {
    const known = leaves(file.value);
    return [...factsOf(file), ...(file.value.derived ?? [])]
      .filter((fact) => fact !== 'about' && !known.some((leaf) => covers(fact, leaf)))
      .map((fact) => `names ${fact}, which is not there`);
  }),

  'usable memory is not above capacity': inFiles(gpus, ({ value }) =>
    [value.memory, ...(value.memoryOptions ?? [])].map(
      ({ capacityBytes, usableBytes }) =>
        usableBytes > capacityBytes && `${usableBytes} usable of ${capacityBytes}`,
    ),
  ),

  'capacity is the number on the box, less at most a tenth': inFiles(gpus, ({ value: { memory } }) => {
    const box = memory.marketedGb * 1024 ** 3;
    return [
      (memory.capacityBytes > box || memory.capacityBytes < 0.9 * box) &&
        `${memory.capacityBytes} bytes of ${memory.marketedGb} GB`,
    ];
  }),

  'error correction costs memory': inFiles(gpus, ({ value: { memory } }) => {
    if (!memory.ecc) return [];
    const { assumed, otherwiseBytes } = memory.ecc;
    return [
      (assumed === 'on') !== otherwiseBytes > memory.capacityBytes &&
        `${otherwiseBytes} otherwise, correction ${assumed}`,
    ];
  }),

  'the sizes of a chip are listed once and rise': inFiles(gpus, ({ value }) => {
    const sizes: number[] = (value.memoryOptions ?? []).map(
      ({ capacityBytes }: { capacityBytes: number }) => capacityBytes,
    );
    return sizes.map(
      (bytes, index) =>
        index > 0 && bytes <= sizes[index - 1]! && `size ${bytes} follows ${sizes[index - 1]}`,
    );
  }),

  'a size is named after its capacity': inFiles(gpus, ({ value }) =>
    (value.memoryOptions ?? []).map(
      ({ suffix, capacityBytes }: { suffix: string; capacityBytes: number }) =>
        Math.ceil(capacityBytes / 1024 ** 3) !== Number.parseInt(suffix, 10) &&
        `${suffix} has ${capacityBytes} bytes`,
    ),
  ),

  'a shared geometry is there, and is its owner’s own': inFiles(models, ({ value }) => {
    const { sameAs } = value.architecture;
    if (!sameAs) return [];
    const target = models.find(({ id }) => id === sameAs);
    return [
      !target && `${sameAs} is not there`,
      target?.value.architecture.sameAs && `${sameAs} shares another’s`,
    ];
  }),

  'layers name blocks that are there': inFiles(own, (file) => [thrown(() => stackOf(architectureOf(file)))]),

  'every block is in a layer': inFiles(own, (file) => unused(architectureOf(file))),

  'a geometry is possible': inFiles(own, (file) => impossible(architectureOf(file))),

  'counted parameters are the published ones': inFiles(models, (file) => [countedWrong(file)]),

  'counted parameters are the maker’s rounded ones': inFiles(models, (file) => [roundedWrong(file)]),

  'an extended context is longer than the native one': inFiles(models, ({ value: { context } }) => [
    context.extended &&
      context.extended.tokens <= context.native &&
      `${context.extended.tokens} tokens beside ${context.native}`,
  ]),

  'every architecture of llama.cpp is planned': inFiles(engines, ({ id, value }) =>
    id === 'llama.cpp'
      ? Object.values<string>(value.architectures).map(
          (name) => !(name in FAMILIES) && `${name} has no family`,
        )
      : [],
  ),

  'an engine names formats that are there': inFiles(engines, ({ value: { quants } }) =>
    [
      quants.default,
      ...Object.values<string>({ ...quants.short, ...quants.released, ...quants.nearest }),
    ].map((name) => !quantNames.has(name) && `${name} is no format`),
  ),

  'a short name is not the name of a format': inFiles(engines, ({ value: { quants } }) =>
    [...quantNames]
      .filter((name) => Object.hasOwn(quants.short, name.toLowerCase()))
      .map((name) => `${name} is hidden by a short name`),
  ),

  'a cache type is one that has a size': inFiles(engines, ({ value }) =>
    value.kvTypes.map(
      (type: string) => !ggmlType.safeParse(type.toUpperCase()).success && `${type} has no size`,
    ),
  ),
};
