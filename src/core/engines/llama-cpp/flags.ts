import type { PlanDocument } from '../../../schema/result.js';

type Request = PlanDocument['request'];

/** A switch that is on is the flag alone. */
const whenOn = (flag: string, value: unknown): string => (value === true ? flag : '');

/** A flag with its value, left out where the engine would take the same by itself. */
const unless = (standard: unknown, flag: string, value: unknown): string =>
  value === standard || value === undefined ? '' : `${flag} ${value}`;

/**
 * The command line that starts the engine as planned, less the model's file.
 *
 * Flags whose value is the engine's own default are left out, except those that the engine would choose by
 * itself (`-c`, `-np`, `-ngl`, `--fit`). Source: `common/arg.cpp`.
 *
 * @example llamaCppFlags(plan.request) // ['llama-server', '-m MODEL.gguf', '-c 8192', '-np 1', '-ngl all', '--fit off']
 */
export function llamaCppFlags(request: Request): string[] {
  const { kvTypeK, kvTypeV, options } = request;
  return [
    options.program === 'cli' ? 'llama-cli' : 'llama-server',
    '-m MODEL.gguf',
    ...placementFlags(request),
    unless('f16', '-ctk', kvTypeK),
    unless('f16', '-ctv', kvTypeV),
    unless('auto', '-fa', options['flash-attn']),
    unless(512, '-ub', options['ubatch-size']),
    unless(2048, '-b', options['batch-size']),
    whenOn('--swa-full', options['swa-full']),
    whenOn('-kvu', options['kv-unified']),
    whenOn('--no-repack', options['no-repack']),
  ].filter((flag) => flag !== '');
}

function placementFlags({ contextTokens, sequences, options, devices }: Request): string[] {
  const layers = typeof options['n-gpu-layers'] === 'number' ? options['n-gpu-layers'] : 'all';
  return [
    `-c ${options['ctx-size'] ?? contextTokens * sequences}`,
    options.parallel === 'auto' ? '' : `-np ${sequences}`,
    `-ngl ${devices.length === 0 ? 0 : layers}`,
    '--fit off',
    whenOn('--cpu-moe', options['cpu-moe']),
    unless(undefined, '--n-cpu-moe', options['n-cpu-moe']),
    unless(undefined, '-ot', options['override-tensor'] && `"${options['override-tensor']}"`),
    whenOn('-nkvo', options['no-kv-offload']),
    whenOn('--no-op-offload', options['no-op-offload']),
    unless('layer', '-sm', options['split-mode']),
    unless(undefined, '-ts', options['tensor-split']),
  ];
}
