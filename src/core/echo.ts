import type { PlanDocument } from '../schema/result.js';
import type { ResolvedRequest } from './request.js';

/**
 * A resolved request as every result shows it and as `batch` takes it again.
 *
 * @example requestEcho(resolved, 'cuda').options.backend // 'cuda'
 */
export function requestEcho(request: ResolvedRequest, backend: string): PlanDocument['request'] {
  // Written out: this runs for every plan, and spreading an object costs as much as a replayed buffer.
  const echo: PlanDocument['request'] = {
    model: request.model,
    engine: request.engine,
    engineVersion: request.engineVersion,
    quant: request.quant,
    contextTokens: request.contextTokens,
    sequences: request.sequences,
    kvTypeK: request.kvTypeK,
    kvTypeV: request.kvTypeV,
    imatrix: request.imatrix,
    allowContextOverflow: request.allowContextOverflow,
    devices: request.devices.map(({ echo, count }) => (echo.count === count ? echo : { ...echo, count })),
    options: { ...request.options, backend },
  };
  if (request.hostMemoryBytes !== undefined) echo.hostMemoryBytes = request.hostMemoryBytes;
  if (request.limits !== undefined) echo.limits = request.limits;
  if (request.fileBytes !== undefined) echo.fileBytes = request.fileBytes;
  if (request.workload !== undefined) echo.workload = request.workload;
  return echo;
}
