import { InputError } from '../../errors.js';
import type { Condition, GgufMix, HeldWeights, Quant } from '../../schema/quant.js';
import { blockElements, type GgmlType } from './ggml-types.js';

/** What the choice of a type looks at in one tensor. `ne` has the row length first. */
export interface GgufShape {
  readonly name: string;
  readonly layer?: number;
  readonly ne: readonly number[];
}

/** What the choice looks at in the whole model. */
export interface MixContext {
  /** All layers of the file, those for multi-token prediction included. */
  readonly layersAll: number;
  /** Routed experts of one layer; 0 in a dense model. */
  readonly experts: number;
  /** Query heads for each key-value head in layer 0; 0 where that layer has no attention. */
  readonly gqaOfFirstLayer: number;
  /** llama.cpp's model type "70B": values get more bits. */
  readonly is70b: boolean;
  readonly imatrix: boolean;
}

type Category =
  | 'output'
  | 'tokenEmbedding'
  | 'attnV'
  | 'attnK'
  | 'attnQ'
  | 'attnOutput'
  | 'ffnUp'
  | 'ffnGate'
  | 'ffnDown'
  | 'other';

/** By substring, first hit wins, as `llama-quant.cpp:tensor_get_category` does it. Fused and latent values count as values. */
const CATEGORIES: readonly (readonly [string, Category])[] = [
  ['attn_qkv.weight', 'attnV'],
  ['attn_kv_b.weight', 'attnV'],
  ['attn_v.weight', 'attnV'],
  ['attn_k.weight', 'attnK'],
  ['attn_q.weight', 'attnQ'],
  ['attn_output.weight', 'attnOutput'],
  ['ffn_up', 'ffnUp'],
  ['ffn_gate', 'ffnGate'],
  ['ffn_down', 'ffnDown'],
];

/** Names that stay as they are: `llama-quant.cpp:tensor_allows_quantization`, for the tensors that planned models have. */
const KEPT = [
  ...['_norm.weight', 'ffn_gate_inp.weight', 'per_layer_model_proj', 'ssm_conv1d'],
  ...['indexer.k_proj.weight', 'indexer.q_proj.weight'],
];

/** Tables of whole numbers. */
const TABLES = ['ffn_gate_tid2eid.weight'];

/** Where a row is no whole number of blocks: `llama-quant.cpp:tensor_type_fallback`. */
const FALLBACKS: Partial<Record<GgmlType, GgmlType>> = {
  IQ1_S: 'IQ4_NL',
  IQ1_M: 'IQ4_NL',
  IQ2_XXS: 'IQ4_NL',
  IQ2_XS: 'IQ4_NL',
  IQ2_S: 'IQ4_NL',
  IQ3_XXS: 'IQ4_NL',
  IQ3_S: 'IQ4_NL',
  IQ4_XS: 'IQ4_NL',
  Q2_0: 'Q4_0',
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  TQ1_0: 'Q4_0',
  TQ2_0: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
};

/** What a name alone decides. */
interface Kind {
  readonly category: Category;
  /** Norms, routers, small convolutions and tables have a type of their own; absent: a matrix may be quantised. */
  readonly keptAs: 'F32' | 'I32' | undefined;
}

const kindOf = (name: string): Kind => ({ category: categoryOf(name), keptAs: keptAs(name) });

function keptAs(name: string): Kind['keptAs'] {
  if (TABLES.includes(name)) return 'I32';
  return !name.endsWith('weight') || KEPT.some((part) => name.includes(part)) ? 'F32' : undefined;
}

function categoryOf(name: string): Category {
  if (name === 'output.weight') return 'output';
  if (name === 'token_embd.weight' || name === 'per_layer_token_embd.weight') return 'tokenEmbedding';
  return CATEGORIES.find(([part]) => name.includes(part))?.[1] ?? 'other';
}

/** Chooses the types of tensors that come in the order of the file. */
export type TypeChooser = (tensor: GgufShape) => GgmlType;

/** What a whole file says to the choice: which tensors stand outside the layers, and those that are values. */
export interface FileFacts {
  /** Whether there is no `output.weight`: the embedding takes its type. */
  readonly tied: boolean;
  /** Tensors of attention values, fused ones included. */
  readonly values: number;
}

/** Whether a tensor counts among the attention values. */
export const isValues = (name: string): boolean => categoryOf(name) === 'attnV';

/**
 * The type that `llama-quantize` of llama.cpp v0.5.0 gives each tensor. Tensors must come in the order of the
 * file: layer by layer, the names of a layer in alphabetical order.
 *
 * Source: `src/llama-quant.cpp:llama_tensor_get_type_impl` and the functions named above.
 *
 * @throws InputError `engine-refuses` where the mix has no type for a row length (the engine aborts)
 */
export function typeChooser(quant: Quant | HeldWeights, context: MixContext, facts: FileFacts): TypeChooser {
  if (quant.kind === 'gguf-file') return heldChooser(quant);
  const choose =
    quant.kind === 'gguf-plain' ? plainChooser(quant.base, quant.experts) : mixChooser(quant, context, facts);
  const kinds = new Map<string, Kind>();
  return (tensor) => {
    const kind = kinds.get(tensor.name) ?? kindOf(tensor.name);
    kinds.set(tensor.name, kind);
    return kind.keptAs ?? (tensor.ne.length > 1 ? choose(tensor, kind.category) : 'F32');
  };
}

/** The types that a file has. @throws InputError `bad-file` where it lacks a tensor or has it in another shape */
function heldChooser({ file, tensors }: HeldWeights): TypeChooser {
  return ({ name, layer, ne }) => {
    const full = fullName(name, layer);
    const held = tensors.get(full);
    if (!held) throw new InputError('bad-file', { path: file, problem: `it lacks the tensor ${full}` });
    if (shapeText(held.ne) === shapeText(ne)) return held.type;
    const problem = `its ${full} has the shape ${shapeText(held.ne)}, and the model needs ${shapeText(ne)}`;
    throw new InputError('bad-file', { path: file, problem });
  };
}

/** A tensor's name in the file. */
export const fullName = (name: string, layer?: number): string =>
  layer === undefined ? name : `blk.${layer}.${name}`;

/** Dimensions of 1 at the end say nothing. */
const shapeText = (ne: readonly number[]): string => ne.join(' × ').replace(/( \u00d7 1)+$/, '');

/**
 * The same for a whole list, in the order of the list.
 *
 * @example ggufTypes([{ name: 'output.weight', ne: [4096, 128256] }], q4km, context) // ['Q6_K']
 */
export function ggufTypes(tensors: readonly GgufShape[], quant: Quant, context: MixContext): GgmlType[] {
  const tied = !tensors.some(({ name }) => name === 'output.weight');
  const choose = typeChooser(quant, context, {
    tied,
    values: tensors.filter(({ name }) => isValues(name)).length,
  });
  const types = new Array<GgmlType>(tensors.length);
  for (const index of inFileOrder(tensors)) types[index] = choose(tensors[index]!);
  return types;
}

/** A type for a tensor that may be quantised. */
type Choice = (tensor: GgufShape, category: Category) => GgmlType;

const plainChooser =
  (base: GgmlType, experts: GgmlType | undefined): Choice =>
  (tensor) =>
    fitted(experts && tensor.ne.length > 2 ? experts : base, tensor);

/** llama-quantize walks the layers in order and the names of a layer in alphabetical order. */
function inFileOrder(tensors: readonly GgufShape[]): number[] {
  const byLayerThenName = (a: number, b: number): number => {
    const [one, other] = [tensors[a]!, tensors[b]!];
    return (one.layer ?? -1) - (other.layer ?? -1) || (one.name < other.name ? -1 : 1);
  };
  return tensors.map((_, index) => index).sort(byLayerThenName);
}

function mixChooser(mix: GgufMix, context: MixContext, { tied, values }: FileFacts): Choice {
  const byRules = ruleChooser(mix, context, values);
  const chosen: Choice = (tensor, category) => {
    if (category === 'output' || (tied && category === 'tokenEmbedding')) return outputType(mix, tensor);
    if (mix.stacked) return tensor.ne.length > 2 ? mix.stacked : mix.base;
    if (category === 'tokenEmbedding') return mix.tokenEmbedding ?? mix.base;
    return byRules(tensor, category);
  };
  return (tensor, category) => fitted(chosen(tensor, category), tensor);
}

/** What category and place decide. */
function ruleChooser(mix: GgufMix, context: MixContext, values: number): Choice {
  const rules: Partial<Record<Category, readonly Rule[]>> = {};
  const seen: Partial<Record<Category, number>> = {};
  const layers = context.layersAll;
  return ({ layer = 0 }, category) => {
    const ofCategory = rules[category] ?? rulesOf(mix, category, context);
    rules[category] = ofCategory;
    const before = seen[category] ?? 0;
    seen[category] = before + 1;
    // In MoE models the layer's own number counts; in dense ones, and for values, how many such tensors came before.
    const index = category !== 'attnV' && context.experts > 1 ? layer : before;
    const place: Place = { index, of: category === 'attnV' ? values : layers, seen: before, layers };
    return ofCategory.find(({ when }) => when.every((holds) => holds(place)))!.type;
  };
}

/** Where a tensor stands among its like. */
interface Place {
  readonly index: number;
  readonly of: number;
  readonly seen: number;
  readonly layers: number;
}

const eighth = (of: number): number => Math.floor(of / 8);

/** The conditions of the mixes, as `llama_tensor_get_type_impl` computes them: integer division throughout. */
const OF_PLACE: { readonly [C in Condition]?: (place: Place) => boolean } = {
  moreBits: ({ index, of }) =>
    index < eighth(of) || index >= Math.floor((7 * of) / 8) || (index - eighth(of)) % 3 === 2,
  firstEighth: ({ index, of }) => index < eighth(of),
  firstSixteenth: ({ index, of }) => index < Math.floor(of / 16),
  middleThreeQuarters: ({ index, of }) => index >= eighth(of) && index < Math.floor((7 * of) / 8),
  firstEighthOfSeen: ({ seen, layers }) => seen < eighth(layers),
  firstTwo: ({ index }) => index < 2,
  firstFour: ({ index }) => index < 4,
};

/** Those that hold for all tensors of a model or for none. */
const OF_MODEL: { readonly [C in Condition]?: (context: MixContext) => boolean } = {
  gqaAtLeast4: ({ gqaOfFirstLayer }) => gqaOfFirstLayer >= 4,
  gqaOrExpertsAtLeast4: ({ gqaOfFirstLayer, experts }) => gqaOfFirstLayer >= 4 || experts >= 4,
  eightExperts: ({ experts }) => experts === 8,
  imatrix: ({ imatrix }) => imatrix,
  noImatrix: ({ imatrix }) => !imatrix,
};

/** A type, and what must hold of a tensor's place for it. */
interface Rule {
  readonly type: GgmlType;
  readonly when: readonly ((place: Place) => boolean)[];
}

/** What the model leaves of the rules of a mix, the first that holds decides; the last one always does. */
function rulesOf(mix: GgufMix, category: Category, context: MixContext): Rule[] {
  const ofEight = context.experts === 8 ? typeOfEight(mix, category) : undefined;
  if (ofEight) return [{ type: ofEight, when: [] }];
  const isBumped = context.is70b && category === 'attnV' && !mix.lowBit;
  return [...(rulesFor(mix, category) ?? []), { type: mix.base, when: [] }]
    .filter(({ when = [] }) => when.every((condition) => OF_MODEL[condition]?.(context) ?? true))
    .map(({ type, when = [] }) => ({
      type: isBumped && (type === 'Q3_K' || type === 'Q4_K') ? 'Q5_K' : type,
      when: when.flatMap((condition) => OF_PLACE[condition] ?? []),
    }));
}

function outputType(mix: GgufMix, { ne }: GgufShape): GgmlType {
  return ne[0]! % blockElements(mix.base) === 0 ? mix.output : 'Q8_0';
}

/** Models with exactly eight experts keep small attention matrices in more bits. */
function typeOfEight(mix: GgufMix, category: Category): GgmlType | undefined {
  if (category === 'attnK') return mix.lowBit ? 'Q4_K' : 'Q8_0';
  if (category === 'attnV' && !mix.lowBit) return 'Q8_0';
  if (category === 'attnOutput') return mix.lowBit ? 'Q5_K' : (mix.attnOutputOfEight ?? mix.base);
  return undefined;
}

function rulesFor(mix: GgufMix, category: Category): GgufMix['ffnDown'] {
  if (category === 'ffnUp' || category === 'ffnGate') return mix.ffnGateUp;
  if (category === 'output' || category === 'tokenEmbedding' || category === 'other') return undefined;
  return mix[category];
}

function fitted(type: GgmlType, { name, ne }: GgufShape): GgmlType {
  const row = ne[0]!;
  if (row % blockElements(type) === 0) return type;
  const fallback = FALLBACKS[type] ?? (blockElements(type) <= 32 ? type : undefined);
  if (!fallback) {
    throw new InputError('engine-refuses', {
      engine: 'llama.cpp',
      words: `no tensor type fallback is defined for type ${type.toLowerCase()}`,
      tensor: name,
    });
  }
  return row % blockElements(fallback) === 0 ? fallback : 'F16';
}
