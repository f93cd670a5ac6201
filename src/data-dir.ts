import { fileURLToPath } from 'node:url';

/** Folder of the shipped facts. Holds from `src/` and from `dist/`, both one level below the root. */
export const DATA_DIR = fileURLToPath(new URL('../data/', import.meta.url));

/** The indexes of names that the build writes over those facts; the cards, which are most of them, in one of their own. */
export const INDEX_FILE = fileURLToPath(new URL('../dist/catalog.json', import.meta.url));
export const GPU_INDEX_FILE = fileURLToPath(new URL('../dist/catalog-gpus.json', import.meta.url));
