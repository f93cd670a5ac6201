export { type Catalog, openCatalog } from './catalog/index.js';
export type { Plan } from './core/plan.js';
export { type ErrorCode, InputError } from './errors.js';
export { createPlanner, type Planner } from './planner.js';
export type { Model } from './schema/model.js';
export type { Request } from './schema/request.js';
export type { ErrorDocument, PlanDocument } from './schema/result.js';
