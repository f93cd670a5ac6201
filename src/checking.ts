// Everything that `check` needs beside the planner, loaded at once: YAML and config discovery live here.
export { baselineOf, checkAll } from './check.js';
export { checkFileAt } from './importers/check-at-ref.js';
export { parseBaseline } from './importers/check-baseline.js';
export { findCheckConfig, readCheckConfig } from './importers/check-config.js';
export { allowancesOf, rowsOf } from './importers/check-rows.js';
