// Everything that checks what a user hands in, loaded at once and only when something is handed in: zod lives here.
export { answerLine } from './batch.js';
export { type HubAccess, readHub } from './importers/hub/access.js';
export { parseHubRef } from './importers/hub/ref.js';
export type { Known } from './importers/known.js';
export { readModelFile } from './importers/model-file.js';
export { readPriceFile } from './importers/price-file.js';
export { jsonSchema, SCHEMAS } from './schema/index.js';
