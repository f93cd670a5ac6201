// Writes dist/catalog.json and dist/catalog-gpus.json: every name of data/ with the few facts that a look-up or a list needs.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { modelEntry } from '../dist/core.js';

const root = new URL('..', import.meta.url);
const hash = createHash('sha256');

/** Every JSON file below a folder of data, in one order on every machine. */
function readAll(folder) {
  const base = new URL(`data/${folder}/`, root);
  const files = readdirSync(base, { recursive: true }).map((file) => file.replaceAll('\\', '/'));
  return files
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, base), 'utf8');
      hash.update(`${folder}/${file}\n${text}`);
      return {
        id: basename(file, '.json'),
        file: join(folder, file).replaceAll('\\', '/'),
        spec: JSON.parse(text),
      };
    });
}

const modelFiles = readAll('models');
const architectureOf = ({ architecture }) =>
  architecture.sameAs
    ? architectureOf(modelFiles.find(({ id }) => id === architecture.sameAs).spec)
    : architecture;

const models = modelFiles.map(({ id, file, spec }) =>
  modelEntry({ ...spec, id, architecture: architectureOf(spec) }, file),
);

/** A chip sold with several memory sizes is one entry a size, after the one that its plain name means. */
const gpus = readAll('gpus').flatMap(({ id, file, spec }) => {
  const entry = {
    id,
    file,
    name: spec.name,
    vendor: spec.vendor,
    segment: spec.segment,
    aliases: spec.aliases ?? [],
    boards: spec.boards,
    sizes: spec.memoryOptions ? true : undefined,
    capacityBytes: spec.memory.capacityBytes,
    capacityEstimated: spec.memory.capacityEstimated,
    usableBytes: spec.memory.usableBytes,
    bandwidthBytesPerSecond: spec.memory.bandwidthBytesPerSecond,
    backend: spec.backend,
    multiprocessors: spec.multiprocessors,
    cardsPerNode: spec.cardsPerNode,
    unified: spec.memory.unified,
    powerWatts: spec.powerWatts,
    priceUsd: spec.price?.usd,
    releaseYear: spec.releaseYear,
  };
  const options = (spec.memoryOptions ?? []).map(({ suffix, ...sizes }) => ({
    ...entry,
    ...sizes,
    id: `${id}-${suffix}`,
    name: `${spec.name} ${suffix.slice(0, -2)} GB`,
    aliases: entry.aliases.map((alias) => `${alias}-${suffix}`),
    boards: undefined,
    sizes: undefined,
  }));
  return [entry, ...options];
});

const quants = readAll('quants').map(({ file, spec }) => ({
  id: spec.name,
  file,
  about: spec.about,
  kind: spec.kind,
}));
const engines = readAll('engines').map(({ id, file, spec }) => ({
  id,
  file,
  name: spec.name,
  aliases: spec.aliases ?? [],
}));

const priceLists = readAll('prices').map(({ id, file }) => ({ id, file }));

const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const catalog = { version, data: hash.digest('hex').slice(0, 12), models, quants, engines, priceLists };
writeFileSync(new URL('dist/catalog.json', root), JSON.stringify(catalog));
writeFileSync(new URL('dist/catalog-gpus.json', root), JSON.stringify(gpus));
