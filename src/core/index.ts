export { type CachePart, cacheOf, type LayerCache } from './cache/index.js';
export { ENGINES, type EngineId, type Explanation } from './engines/index.js';
export { type Plan, type Prepared, explainPlan, plan, prepareModel } from './plan.js';
export { chooseQuant, type QuantChoice } from './quant/names.js';
export type { Note, PlannedDevice, ResolvedRequest } from './request.js';
export { DEFAULT_CONTEXT_TOKENS, type Question } from './resolve.js';
export { type Role, type Tensor, tensorsOf } from './tensors/index.js';
export { countParameters, elementsOf, type Parameters, parametersByRole } from './tensors/parameters.js';
