import type { PlanDocument } from '../schema/result.js';
import type { ResolvedRequest } from './request.js';

/**
 * A resolved request as every result shows it and as `batch` takes it again.
 *
 * @example requestEcho(resolved, 'cuda').options.backend // 'cuda'
 */
export function requestEcho(request: ResolvedRequest, backend: string): PlanDocument['request'] {
  const { devices, options, openContext: _, ...rest } = request;
  return {
    ...rest,
    devices: devices.map(({ echo, count }) => ({ ...echo, count })),
    options: { ...options, backend },
  };
}
