import type { Architecture, Mixer } from '../../schema/model.js';
import type { Metadata } from './metadata.js';
import { notUnderstood, type Reading } from './mixers.js';

type Rope = NonNullable<Architecture['rope']>;
type Scaling = NonNullable<Rope['scaling']>;

/** `llama-model.cpp:load_hparams` */
const USUAL_BASE = 10_000;
/** Of Llama 3.1; taken where a file has the table of frequencies, but no data. It changes no size. */
const USUAL_FACTOR = 8;

/** What beside the metadata says how positions are rotated. */
export interface RopeFacts {
  /** The table of frequencies that the file has: Llama 3's scaling, or the two of Phi's. */
  readonly table: 'llama3' | 'longrope' | undefined;
  /** The largest stretch in Llama 3's. */
  readonly factor: number | undefined;
  readonly mixers: readonly Mixer[];
}

/**
 * How positions are rotated; `undefined` where no layer does.
 *
 * @throws InputError `not-understood` for a scaling that no rule reads
 */
export function ropeOf(reading: Reading, { table, factor, mixers }: RopeFacts): Rope | undefined {
  const { metadata } = reading;
  const turned = mixers.filter(isAttention).filter(({ rope }) => rope !== false);
  const attention = turned.find(({ kind }) => kind === 'full') ?? turned[0];
  if (!attention && !mixers.some(turnsPart)) return undefined;
  const dim = metadata.optionalCount('rope.dimension_count');
  const isPart = attention && dim !== undefined && dim !== attention.headDim;
  const scaling = table === 'llama3' ? tableScaling(factor) : scalingOf(reading, table);
  return {
    theta: metadata.optionalNumber('rope.freq_base') ?? USUAL_BASE,
    ...(isPart ? { dim } : {}),
    ...(scaling ? { scaling } : {}),
  };
}

/** Mixers that turn a part of their queries and keys whose width they say themselves. */
const turnsPart = (mixer: Mixer): boolean =>
  (mixer.kind === 'latent' && mixer.rope !== false) || mixer.kind === 'shared';

type Attention = Extract<Mixer, { kind: 'full' | 'sliding' | 'chunked' }>;

const isAttention = (mixer: Mixer): mixer is Attention =>
  mixer.kind === 'full' || mixer.kind === 'sliding' || mixer.kind === 'chunked';

const tableScaling = (factor = USUAL_FACTOR): Scaling => ({ kind: 'llama3', factor });

function scalingOf(reading: Reading, table: RopeFacts['table']): Scaling | undefined {
  const { metadata } = reading;
  const originalTokens = metadata.optionalCount('rope.scaling.original_context_length');
  if (table === 'longrope') {
    const tokens = metadata.count('context_length');
    return {
      kind: table,
      factor: tokens / (originalTokens ?? tokens),
      ...(originalTokens ? { originalTokens } : {}),
    };
  }
  const kind = metadata.optionalText('rope.scaling.type');
  const factor = metadata.optionalNumber('rope.scaling.factor') ?? oldFactor(metadata);
  // A file with the old key alone means the linear kind.
  if (kind === 'none' || factor === undefined || factor === 1) return undefined;
  if (kind !== undefined && kind !== 'linear' && kind !== 'yarn')
    throw notUnderstood(reading, `the rope scaling "${kind}"`);
  return { kind: kind ?? 'linear', factor, ...(originalTokens && kind === 'yarn' ? { originalTokens } : {}) };
}

const oldFactor = (metadata: Metadata): number | undefined => metadata.optionalNumber('rope.scale_linear');
