import type { Fit, FitKind, FitOption } from '../core/fit.js';
import type { Runnable } from '../fit.js';
import { formatBytes } from '../units/bytes.js';
import { grouped } from '../units/numbers.js';
import type { Document, Table } from './document.js';
import { errorWords } from './messages.js';

const CHANGES: Record<FitKind, (value: FitOption['value']) => string> = {
  'as-asked': () => 'as asked',
  'longer-context': () => 'longest context',
  'more-sequences': (value) => `${value} sequences`,
  'better-quant': () => 'better format',
  'shorter-context': () => 'shorter context',
  'smaller-cache': () => 'smaller cache type',
  'smaller-quant': () => 'smaller format',
  'experts-on-host': (value) => `experts of ${value} layers on the host`,
  'layers-on-host': (value) => `${value} layers on the cards`,
  'more-cards': (value) => `${value} cards`,
};

/** Least memory that a device with a limit has left, bytes. */
const leastFree = ({ plan }: FitOption): number | undefined => {
  const free = plan.memory.devices.flatMap(({ headroomBytes }) => headroomBytes ?? []);
  return free.length > 0 ? Math.min(...free) : undefined;
};

const hostBytes = ({ plan }: FitOption): number | undefined =>
  plan.memory.devices.find(({ id }) => id === 'host')?.totalBytes;

/** What given hardware carries of one model. */
export function fitPage({ asked, options }: Fit): Document {
  const table = optionsTable(options);
  const fits = options[0]?.kind === 'as-asked';
  const what = `${asked.model.name} · ${asked.request.quant} · ${grouped(asked.request.contextTokens)} tokens`;
  const verdict = fits
    ? 'fits'
    : options.length > 0
      ? 'does not fit as asked'
      : 'does not fit, whatever is changed';
  return {
    headline: `${what}: ${verdict}`,
    level: fits ? 'fits' : options.length > 0 ? 'tight' : 'no',
    blocks: [
      { ...table, title: fits ? 'What the hardware carries' : 'Changes that make it fit, mildest first' },
      ...(options[0] ? [{ title: 'To start it', lines: [options[0].flags.join(' ')] }] : []),
      { lines: [lastSentence(options, fits)] },
    ],
    csv: table,
  };
}

function optionsTable(options: readonly FitOption[]): Table {
  return {
    columns: [
      { id: 'change', name: 'Option', kind: 'text' },
      { id: 'context_tokens', name: 'Tokens', kind: 'number' },
      { id: 'sequences', name: 'Seqs', kind: 'number' },
      { id: 'quant', name: 'Format', kind: 'text' },
      { id: 'kv_type', name: 'Cache', kind: 'text' },
      { id: 'free_bytes', name: 'Free', kind: 'bytes' },
      { id: 'host_bytes', name: 'Host', kind: 'bytes' },
    ],
    rows: options.map((option) => [
      CHANGES[option.kind](option.value),
      option.plan.request.contextTokens,
      option.plan.request.sequences,
      option.plan.request.quant,
      option.plan.request.kvTypeK,
      leastFree(option),
      hostBytes(option),
    ]),
  };
}

function lastSentence(options: readonly FitOption[], fits: boolean): string {
  const [first] = options;
  if (!first) return 'Next: look for other hardware with `llmspec recommend`.';
  const longest = options.find(({ kind }) => kind === 'longer-context');
  if (fits)
    return longest
      ? `Next: use up to ${grouped(Number(longest.value))} tokens.`
      : 'Next: start it as it is; there is no room for more context.';
  return `Next: take the first option (${CHANGES[first.kind](first.value)}); it costs the least.`;
}

/** Which models of the catalogue run on given hardware. */
export function fitCataloguePage(rows: readonly Runnable[]): Document {
  const running = rows.filter(({ plan }) => plan);
  const table: Table = {
    columns: [
      { id: 'model', name: 'Model', kind: 'text' },
      { id: 'total_parameters', name: 'Parameters', kind: 'count' },
      { id: 'quant', name: 'Format', kind: 'text' },
      { id: 'max_context_tokens', name: 'Largest context', kind: 'tokens' },
      { id: 'total_bytes', name: 'Memory then', kind: 'bytes' },
    ],
    rows: running.map(({ model, totalParameters, plan, maxContextTokens }) => [
      model,
      totalParameters,
      plan?.request.quant,
      maxContextTokens,
      plan?.memory.totalBytes,
    ]),
  };
  const leftOut = rows
    .filter(({ plan }) => !plan)
    .map(({ model, lackingBytes = 0, error }) =>
      error
        ? `- ${model}: ${errorWords(error.code, error.args).message}`
        : `- ${model}: the fullest device lacks at least ${formatBytes(lackingBytes)} at the smallest format`,
    );
  const [first] = running;
  return {
    headline: `${running.length} of ${rows.length} models run on this hardware`,
    blocks: [
      { ...table, title: 'At their best format, and the largest context then' },
      { title: 'Left out', lines: leftOut },
      {
        lines: [
          first
            ? `Next: llmspec fit ${first.model} with the same hardware has the flags to start it.`
            : 'Next: name more memory, or add --ram and take experts on the host.',
        ],
      },
    ],
    csv: table,
  };
}
