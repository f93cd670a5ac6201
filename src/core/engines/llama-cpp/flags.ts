import type { PlanDocument } from '../../../schema/result.js';

/**
 * The command line that starts the engine as planned, less the model's file.
 *
 * Flags whose value is the engine's own default are left out, except those that the engine would choose by
 * itself (`-c`, `-np`, `-ngl`, `--fit`). Source: `common/arg.cpp`.
 *
 * @example llamaCppFlags(plan.request) // ['llama-server', '-m', 'MODEL.gguf', '-c', '8192', ...]
 */
export function llamaCppFlags({
  contextTokens,
  sequences,
  kvTypeK,
  kvTypeV,
  options,
  devices,
}: PlanDocument['request']): string[] {
  const autoSlots = options.parallel === 'auto';
  const context = options['ctx-size'] ?? contextTokens * sequences;
  const layers = typeof options['n-gpu-layers'] === 'number' ? options['n-gpu-layers'] : 'all';
  return [
    options.program === 'cli' ? 'llama-cli' : 'llama-server',
    '-m MODEL.gguf',
    `-c ${context}`,
    autoSlots ? '' : `-np ${sequences}`,
    `-ngl ${devices.length === 0 ? 0 : layers}`,
    '--fit off',
    kvTypeK === 'f16' ? '' : `-ctk ${kvTypeK}`,
    kvTypeV === 'f16' ? '' : `-ctv ${kvTypeV}`,
    options['flash-attn'] === 'auto' ? '' : `-fa ${options['flash-attn']}`,
    options['ubatch-size'] === 512 ? '' : `-ub ${options['ubatch-size']}`,
    options['batch-size'] === 2048 ? '' : `-b ${options['batch-size']}`,
    options['cpu-moe'] === true ? '--cpu-moe' : '',
    typeof options['n-cpu-moe'] === 'number' ? `--n-cpu-moe ${options['n-cpu-moe']}` : '',
    options['swa-full'] === true ? '--swa-full' : '',
    options['kv-unified'] === true ? '-kvu' : '',
    options['split-mode'] === 'none' ? '-sm none' : '',
    typeof options['tensor-split'] === 'string' ? `-ts ${options['tensor-split']}` : '',
    options['no-repack'] === true ? '--no-repack' : '',
  ].filter((flag) => flag !== '');
}
