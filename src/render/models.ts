import type { ModelSheet } from '../model-sheet.js';
import type { ModelEntry } from '../schema/catalog.js';
import type { Block as LayerBlock, Tower, Vision } from '../schema/model.js';
import { formatBytes } from '../units/bytes.js';
import { formatCount, grouped } from '../units/numbers.js';
import { formatTokens } from '../units/tokens.js';
import type { Block, Document, Table } from './document.js';
import { noteWords } from './messages.js';
import { PART_NAMES } from './plan.js';

/** The catalogue, or what a query left of it. */
export function modelsPage(models: readonly ModelEntry[], query: readonly string[]): Document {
  const table: Table = {
    columns: [
      { id: 'id', name: 'Model', kind: 'text' },
      { id: 'maker', name: 'Maker', kind: 'text' },
      { id: 'total_parameters', name: 'Total', kind: 'count' },
      { id: 'active_parameters', name: 'Active', kind: 'count' },
      { id: 'context_tokens', name: 'Context', kind: 'tokens' },
      { id: 'released', name: 'Released', kind: 'text' },
    ],
    rows: models.map((model) => [
      model.id,
      model.maker,
      model.totalParameters,
      model.activeParameters,
      model.contextTokens,
      model.released,
    ]),
  };
  const asked = query.length > 0 ? ` for "${query.join(' ')}"` : '';
  const headline = `${models.length} model${models.length === 1 ? '' : 's'}${asked}`;
  const last = models[0] ? `One sheet: llmspec models show ${models[0].id}` : 'List them all: llmspec models';
  return { headline, blocks: [table, { lines: [last] }], csv: table };
}

/** One model's sheet: what a model page has, and what it lacks. */
export function modelPage(sheet: ModelSheet): Document {
  const roles = rolesTable(sheet);
  const grid = sheet.grid.length > 0 ? gridTable(sheet) : undefined;
  return {
    headline: `${sheet.name} (${sheet.id})`,
    blocks: [
      ...(sheet.about ? [{ lines: [sheet.about] }] : []),
      factsTable(sheet),
      { title: 'Architecture', lines: architectureLines(sheet) },
      roles,
      ...(grid ? [grid] : []),
      ...(sheet.hardware ? [hardwareTable(sheet.hardware)] : []),
      ...notesBlocks(sheet),
      benchmarksTable(sheet),
      disputedBlock(sheet),
      namesBlock(sheet),
      sourcesBlock(sheet),
    ],
    csv: grid ?? roles,
  };
}

const total = (bytes: readonly { readonly bytes: number }[]): number =>
  bytes.reduce((sum, entry) => sum + entry.bytes, 0);

type Fact = readonly [string, string | undefined];

function factsTable(sheet: ModelSheet): Table {
  return {
    columns: [
      { id: 'fact', name: 'Fact', kind: 'text' },
      { id: 'value', name: 'Value', kind: 'text' },
    ],
    rows: [...sizeFacts(sheet), ...releaseFacts(sheet), ...expertFacts(sheet), ...shapeFacts(sheet)].filter(
      ([, value]) => value,
    ),
  };
}

function sizeFacts({ parameters, published, context, modalities }: ModelSheet): Fact[] {
  return [
    [
      'Total parameters',
      `${formatCount(parameters.total)} (${grouped(parameters.total)})${words(published?.total)}`,
    ],
    [
      'Active parameters',
      `${formatCount(parameters.active)} (${grouped(parameters.active)})${words(published?.active)}`,
    ],
    ['MTP parameters', parameters.mtp ? `${formatCount(parameters.mtp)}, not in the total` : undefined],
    ['Context length', contextWords(context)],
    ['Modality', modalities && `${modalities.input.join(' + ')} in, ${modalities.output.join(' + ')} out`],
  ];
}

function releaseFacts({
  maker,
  family,
  license,
  released,
  knowledgeCutoff,
  releasedFormat,
}: ModelSheet): Fact[] {
  return [
    ['Maker, family', [maker, family].filter(Boolean).join(', ')],
    ['License', license],
    ['Release date', released],
    ['Knowledge cutoff', knowledgeCutoff],
    ['Released format', releasedFormat ?? 'BF16'],
  ];
}

function expertFacts({ feedForwards }: ModelSheet): Fact[] {
  const moe = feedForwards.map(({ block }) => block).find((block) => block.kind === 'moe');
  if (!moe) return [['Architecture', 'dense']];
  const shared = moe.shared ? ' + 1 shared' : '';
  return [
    ['Architecture', 'mixture of experts'],
    ['Experts', `${moe.experts} routed${shared} in a layer`],
    ['Active experts', `${moe.activeExperts} routed${shared}`],
  ];
}

function shapeFacts(sheet: ModelSheet): Fact[] {
  const { architecture, mixers, layers } = sheet;
  const attention = mixers
    .map(({ block }) => block)
    .find((block) => 'heads' in block && block.kind !== 'mamba2');
  return [
    ['Attention structure', [...new Set(mixers.map(({ block }) => MIXERS[block.kind]?.(block)))].join('; ')],
    ['Hidden size', grouped(architecture.hiddenSize)],
    ['Layers', grouped(layers)],
    ['Attention heads', attention && 'heads' in attention ? String(attention.heads) : undefined],
    ['Key-value heads', kvHeads(attention)],
    [
      'Vocabulary',
      `${grouped(architecture.vocabSize)}, embeddings ${architecture.tiedEmbeddings ? 'tied' : 'not tied'}`,
    ],
    ['Activation function', ACTIVATIONS[architecture.activation ?? 'silu']],
    ['Normalisation', normWords(architecture.norm)],
    ['Position embedding', positionWords(sheet)],
    ['Cache per token', `${formatBytes(total(sheet.cacheBytesPerToken))} at 16 bits, until windows are full`],
  ];
}

const normWords = ({ epsilon, placement, bias }: ModelSheet['architecture']['norm']): string =>
  `${bias ? 'LayerNorm' : 'RMSNorm'}, epsilon ${epsilon}${PLACEMENTS[placement ?? 'pre']}`;

const PLACEMENTS = { pre: '', sandwich: ', before and after each block', post: ', after each block' };

const words = (published: string | undefined): string => (published ? `; maker's figure ${published}` : '');

const ACTIVATIONS: Record<string, string> = {
  silu: 'SwiGLU (SiLU gate)',
  gelu: 'GeGLU (GELU gate)',
  swigluoai: 'SwiGLU, clamped (SiLU gate)',
};

function contextWords({ native, extended, advertised }: ModelSheet['context']): string {
  const short = formatTokens(native) === String(native) ? '' : ` (${formatTokens(native)})`;
  const more = extended ? `; ${grouped(extended.tokens)} with ${extended.how}` : '';
  return `${grouped(native)}${short}${more}${advertised ? `; advertised as ${advertised}` : ''}`;
}

function kvHeads(block: LayerBlock | undefined): string | undefined {
  if (block?.kind === 'latent') return 'one latent for all';
  return block && 'kvHeads' in block ? String(block.kvHeads) : undefined;
}

function positionWords({ architecture, mixers }: ModelSheet): string {
  const { rope } = architecture;
  if (!rope) return 'none (NoPE)';
  const without = mixers.filter(({ block }) => 'rope' in block && block.rope === false);
  const scaling = rope.scaling ? `, ${rope.scaling.kind} scaling × ${rope.scaling.factor}` : '';
  const part = rope.dim ? `, over ${rope.dim} dimensions` : '';
  const mixed =
    without.length > 0
      ? `; none in ${without.map(({ name, layers }) => `${layers} ${name} layers`).join(', ')} (iRoPE)`
      : '';
  return `RoPE, theta ${grouped(rope.theta)}${part}${scaling}${mixed}`;
}

/** What each kind of block is called, in words. */
const MIXERS: Record<string, (block: LayerBlock) => string> = {
  full: groupedQuery,
  sliding: groupedQuery,
  chunked: groupedQuery,
  latent: () => 'multi-head latent attention (MLA)',
  cross: () => 'cross-attention',
  indexer: () => 'sparse, chosen by an indexer',
  shared: () => 'attention with one shared key-value head',
  compressor: () => 'compressed entries',
  gatedDeltaNet: () => 'gated delta net (linear)',
  kda: () => 'Kimi delta attention (linear)',
  lightning: () => 'lightning attention (linear)',
  mamba1: () => 'Mamba (state space)',
  mamba2: () => 'Mamba-2 (state space)',
};

function groupedQuery(block: LayerBlock): string {
  return 'kvHeads' in block && block.kvHeads === block.heads
    ? 'multi-head attention (MHA)'
    : 'grouped-query attention (GQA)';
}

const SHAPES: { [K in LayerBlock['kind']]: (block: Extract<LayerBlock, { kind: K }>) => string } = {
  full: (block) => `full attention, ${headWords(block)}`,
  sliding: (block) => `sliding-window attention over ${grouped(block.window)} tokens, ${headWords(block)}`,
  chunked: (block) => `attention in chunks of ${grouped(block.window)} tokens, ${headWords(block)}`,
  latent: ({ heads, kvRank, ropeDim, queryRank }) =>
    `latent attention, ${heads} heads, latent ${kvRank} + ${ropeDim} rotary${queryRank ? `, query rank ${queryRank}` : ''}`,
  cross: (block) => `cross-attention to at most ${grouped(block.memoryTokens)} tokens, ${headWords(block)}`,
  indexer: ({ heads, headDim, ratio }) =>
    `indexer, ${heads} heads of ${headDim}${ratio ? `, one key for ${ratio} tokens` : ''}`,
  shared: ({ heads, headDim, window }) =>
    `attention over ${grouped(window)} tokens, ${heads} query heads and one shared key-value head of ${headDim}`,
  compressor: ({ headDim, ratio }) => `compressor, one entry of ${headDim} for ${ratio} tokens`,
  gatedDeltaNet: ({ keyHeads, valueHeads, keyDim }) =>
    `gated delta net, ${keyHeads} key and ${valueHeads} value heads of ${keyDim}`,
  kda: ({ heads, headDim }) => `Kimi delta attention, ${heads} heads of ${headDim}`,
  lightning: ({ heads, headDim }) => `lightning attention, ${heads} heads of ${headDim}`,
  mamba1: ({ innerSize, stateDim }) => `Mamba, ${grouped(innerSize)} channels, state ${stateDim}`,
  mamba2: ({ heads, headDim, stateDim }) => `Mamba-2, ${heads} heads of ${headDim}, state ${stateDim}`,
  dense: ({ intermediateSize }) => `dense feed-forward, width ${grouped(intermediateSize)}`,
  moe: ({ experts, activeExperts, intermediateSize, shared }) =>
    `${experts} routed experts of width ${grouped(intermediateSize)}, ${activeExperts} active${shared ? `, 1 shared of width ${grouped(shared.intermediateSize)}` : ''}`,
};

const headWords = ({
  heads,
  kvHeads,
  headDim,
}: {
  heads: number;
  kvHeads: number;
  headDim: number;
}): string => `${heads} query and ${kvHeads} key-value heads of ${headDim}`;

function architectureLines({ mixers, feedForwards, architecture, layers }: ModelSheet): string[] {
  const lines = [...mixers, ...feedForwards].map(({ layers: count, block }) => {
    const shape = SHAPES[block.kind] as (block: LayerBlock) => string;
    return `- ${count} of ${layers} layers: ${shape(block)}`;
  });
  if (architecture.vision) lines.push(`- ${visionWords(architecture.vision)}`);
  const { vision, audio } = architecture.towers ?? {};
  if (vision) lines.push(`- ${towerWords('vision', vision)}`);
  if (audio) lines.push(`- ${towerWords('audio', audio)}`);
  if (architecture.mtp)
    lines.push(
      `- ${architecture.mtp.modules} module for multi-token prediction${architecture.mtp.ownEmbedding ? ', with its own embedding and head' : ''}`,
    );
  return lines;
}

const towerWords = (name: string, { layers, hiddenSize }: Tower): string =>
  `${name} tower: ${layers} layers, width ${grouped(hiddenSize)}, with a projector`;

const visionWords = ({ layers, hiddenSize, imageSize, patchSize }: Vision): string =>
  `vision tower: ${layers} layers, width ${grouped(hiddenSize)}, images of ${imageSize} in patches of ${patchSize}, with a projector`;

function rolesTable({ byRole, parameters }: ModelSheet): Table {
  return {
    title: 'Parameters by role',
    columns: [
      { id: 'role', name: 'Role', kind: 'text' },
      { id: 'total', name: 'Total', kind: 'number' },
      { id: 'active', name: 'Active', kind: 'number' },
      { id: 'share', name: 'Share', kind: 'share' },
    ],
    rows: byRole.map(({ role, total, active }) => [
      PART_NAMES[role] ?? role,
      total,
      active,
      total / parameters.total,
    ]),
  };
}

function gridTable({ grid }: ModelSheet): Table {
  const contexts = grid[0]?.cells ?? [];
  return {
    title: 'Memory in llama.cpp, one sequence',
    columns: [
      { id: 'quant', name: 'Format', kind: 'text' },
      ...contexts.map(({ contextTokens }) => ({
        id: `bytes_at_${contextTokens}`,
        name: formatTokens(contextTokens),
        kind: 'bytes' as const,
      })),
    ],
    rows: grid.map(({ quant, cells }) => [quant, ...cells.map(({ totalBytes }) => totalBytes)]),
  };
}

const MOST_SETUPS = 12;

/** What the import had to say, and why there is no memory in the sheet. */
function notesBlocks({ importNotes = [], notPlanned }: ModelSheet): Block[] {
  const lines = [
    ...importNotes.map(({ code, args }) => `- ${noteWords(code, args)}`),
    ...(notPlanned ? [`- Not planned in llama.cpp: ${notPlanned}.`] : []),
  ];
  return lines.length > 0 ? [{ title: 'Notes', lines }] : [];
}

function hardwareTable({ quant, contextTokens, setups }: NonNullable<ModelSheet['hardware']>): Table {
  return {
    title: `GPUs that would hold it: ${quant}, ${grouped(contextTokens)} tokens (-q and -c choose)`,
    columns: [
      { id: 'gpu', name: 'Setup', kind: 'text' },
      { id: 'headroom_bytes', name: 'Free, at least', kind: 'bytes' },
      { id: 'level', name: '', kind: 'text' },
    ],
    rows: setups
      .slice(0, MOST_SETUPS)
      .map(({ gpu, count, headroomBytes, level }) => [
        `${count} × ${gpu}`,
        headroomBytes,
        level === 'tight' ? 'tight' : '',
      ]),
  };
}

function benchmarksTable({ benchmarks = [] }: ModelSheet): Table {
  return {
    title: 'Benchmarks',
    columns: [
      { id: 'benchmark', name: 'Benchmark', kind: 'text' },
      { id: 'variant', name: 'Variant', kind: 'text' },
      { id: 'shots', name: 'Shots', kind: 'number' },
      { id: 'score', name: 'Score', kind: 'text' },
      { id: 'rank', name: 'Rank', kind: 'text' },
    ],
    rows: benchmarks.map(({ name, variant, shots, score, rank }) => [
      name,
      variant,
      shots,
      score,
      rank ? `#${rank.place}, ${rank.board}${rank.date ? `, ${rank.date}` : ''}` : undefined,
    ]),
  };
}

function disputedBlock({ disputed = [] }: ModelSheet): Block {
  return {
    title: 'Disputed claims, not used here',
    lines: disputed.map(({ field, claimed, from, why }) => `- ${field}: ${claimed} (${from}). ${why}`),
  };
}

function namesBlock({ aliases = [], hubIds = [], variants = [], familyMembers }: ModelSheet): Block {
  const named = (name: string, list: readonly string[]): string[] =>
    list.length > 0 ? [`${name}: ${list.join(', ')}`] : [];
  const others = variants.flatMap(({ hubIds: ids, nativeContext, releasedFormat }) => {
    const apart = [nativeContext && `${grouped(nativeContext)} tokens`, releasedFormat].filter(Boolean);
    return ids.map((id) => `${id} (${apart.join(', ')})`);
  });
  return {
    title: 'Names',
    lines: [
      ...named('Aliases', aliases),
      ...named('Hub ids', [...hubIds, ...others]),
      ...named('Family members', familyMembers),
    ],
  };
}

function sourcesBlock({ sources }: ModelSheet): Block {
  return {
    title: 'Sources',
    lines: sources.map(
      ({ facts, from, date, note }) => `- ${facts.join(', ')}: ${from}, ${date}${note ? `. ${note}` : ''}`,
    ),
  };
}
