import type { Estimate } from '../../estimate.js';
import type { PlannedDevice } from '../../request.js';

const MIB = 1024 ** 2;

/**
 * A CUDA context grows with the card's multiprocessors: 107 MiB on an RTX 4060 Ti (34), 256 on an RTX 3090 (82),
 * 426 on an RTX 6000 Ada (142), 555 on an RTX PRO 6000 (188), about 600 on a B200 (148): 3.0 to 4.1 MiB each.
 * Sources: llama.cpp PR 23604, InvokeAI issue 9413, unsloth-zoo PR 1053, lium tests; read 2026-11-23.
 */
const CUDA_CONTEXT_MIB_PER_MULTIPROCESSOR = { low: 2.9, expected: 3.1, high: 4.1 };

/** The same cards as a range, for one whose multiprocessors are not known. */
const CONTEXT_MIB = { low: 107, expected: 400, high: 600 };

/** Metal counts buffers alone against its limit; a processor has no context. */
const WITHOUT_CONTEXT = new Set(['metal', 'cpu']);

/**
 * Memory that the runtime takes on one card before a byte of the model: context and kernels.
 *
 * @returns bytes; other runtimes than CUDA have no figures of their own and take CUDA's range
 * @example runtimeOf({ gpu: 'rtx-3090', count: 1, multiprocessors: 82, echo }, 'cuda').bytes // 266548838
 */
export function runtimeOf(device: PlannedDevice, backend: string): Estimate {
  if (WITHOUT_CONTEXT.has(backend)) return { bytes: 0, low: 0, high: 0 };
  const cores = backend === 'cuda' ? device.multiprocessors : undefined;
  const law = CUDA_CONTEXT_MIB_PER_MULTIPROCESSOR;
  const mib = cores
    ? { low: law.low * cores, expected: law.expected * cores, high: law.high * cores }
    : CONTEXT_MIB;
  return {
    bytes: Math.round(mib.expected * MIB),
    low: Math.round(mib.low * MIB),
    high: Math.round(mib.high * MIB),
  };
}
