import { fileURLToPath } from 'node:url';

/** Folder of the shipped facts. Holds from `src/` and from `dist/`, both one level below the root. */
export const DATA_DIR = fileURLToPath(new URL('../data/', import.meta.url));

/** The index of names that the build writes over those facts. */
export const INDEX_FILE = fileURLToPath(new URL('../dist/catalog.json', import.meta.url));
