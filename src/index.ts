export { createPlanner, type Planner } from './planner.js';
export { openCatalog, type Catalog } from './catalog/index.js';
export { InputError, type ErrorCode } from './errors.js';
export type { Plan } from './core/plan.js';
export type { Request } from './schema/request.js';
export type { ErrorDocument, PlanDocument } from './schema/result.js';
export type { Model } from './schema/model.js';
