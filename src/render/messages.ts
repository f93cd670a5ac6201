import type { ErrorArgs, ErrorCode } from '../errors.js';
import { formatBytes } from '../units/bytes.js';
import { grouped } from '../units/numbers.js';
import { formatTokens } from '../units/tokens.js';
import { printable } from './cells.js';

/** What is wrong, and what to do about it. */
export interface Words {
  readonly message: string;
  readonly hint: string;
}

const text = (value: unknown): string => printable(String(value ?? ''));
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);
const size = (value: unknown): string => formatBytes(Number(value));
const tokens = (value: unknown): string => {
  const short = formatTokens(Number(value));
  return short === String(value) ? grouped(Number(value)) : `${grouped(Number(value))} (${short})`;
};

function didYouMean(args: ErrorArgs, otherwise: string): string {
  const near = list(args.near);
  return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : otherwise;
}

const EXPECTED: Record<string, string> = {
  tokens: 'Give a whole number of tokens above zero, such as 8192, 128k or 1m, or max.',
  size: 'Give a size such as 24GiB, 24g (the same) or 24GB (decimal).',
  switch: 'It is a switch: leave the value out, or say true or false.',
};

function notUnderstood({ path, what, field, engine, missing, words, version }: ErrorArgs): string {
  if (words) return `${text(engine)} ${text(version)} does not load this model: "${text(words)}".`;
  if (what)
    return `${text(path)} is ${text(what)}${field ? ` (${text(field)})` : ''}, which is not read yet.`;
  const where = path ? `${text(path)}: ` : '';
  if (missing) return `${where}${text(field)} is missing, and nothing says what to take for it.`;
  return `${where}${text(field)} is not understood${engine ? ` for ${text(engine)}` : ''}.`;
}

/** The words for every way a question can be wrong: one line each. */
const ERRORS: Record<ErrorCode, (args: ErrorArgs) => Words> = {
  'unknown-model': (args) => ({
    message: `There is no model "${text(args.name)}" in the catalogue.`,
    hint: didYouMean(
      args,
      'List the models with `llmspec models`, or give the path of a model spec, such as ./model.json.',
    ),
  }),
  'unknown-quant': (args) => ({
    message: `${text(args.engine)} has no weight format "${text(args.name)}".`,
    hint: args.nearest
      ? `The nearest it reads is ${text(args.nearest)}.`
      : didYouMean(args, 'List them with `llmspec quants`.'),
  }),
  'unknown-gpu': (args) => ({
    message: `There is no GPU "${text(args.name)}" in the catalogue.`,
    hint: didYouMean(args, 'List them with `llmspec gpus`, or give the memory alone, such as --gpu 24GiB.'),
  }),
  'unknown-engine': (args) =>
    args.format
      ? {
          message: `The format ${text(args.format)} is read by serving engines such as vLLM, which are not planned yet.`,
          hint: `The nearest that llama.cpp reads is ${text(args.nearest)}: -q ${text(args.nearest)}.`,
        }
      : {
          message: `There is no engine "${text(args.name)}".`,
          hint: `Engines that are planned: ${list(args.known).join(', ')}.`,
        },
  'unknown-option': (args) => ({
    message: args.notPlanned
      ? `The setting "${text(args.name)}" is known, but its memory is not planned yet.`
      : `There is no setting "${text(args.name)}".`,
    hint: didYouMean(args, `Settings: ${list(args.known).join(', ')}.`),
  }),
  'unknown-key': (args) => ({
    message: `The request has an unknown key: ${text(args.name)}.`,
    hint: didYouMean(args, 'See `llmspec schema request`.'),
  }),
  'unknown-version': (args) => ({
    message: `"${text(args.version)}" is no version of ${text(args.engine)}.`,
    hint: `Give a release such as ${text(args.known)} or a build such as b9187.`,
  }),
  'unknown-kv-type': (args) => ({
    message: `${text(args.engine)} has no cache type "${text(args.name)}".`,
    hint: `Cache types: ${list(args.known).join(', ')}.`,
  }),
  'unknown-command': (args) => ({
    message: text(args.problem),
    hint: text(args.hint) || 'List the commands with `llmspec --help`.',
  }),
  'unknown-format': (args) => ({
    message: `There is no format "${text(args.name)}".`,
    hint: `Formats: ${list(args.known).join(', ')}.`,
  }),
  'bad-number': (args) => ({
    message: `${text(args.what)} "${text(args.text)}" cannot be read.`,
    hint: args.comma
      ? 'A comma separates lists: write 1000 or 1_000.'
      : (EXPECTED[text(args.expected)] ?? `Give ${text(args.expected)}.`),
  }),
  'bad-json': (args) => ({
    message: `That is no JSON: ${text(args.problem)}.`,
    hint: 'One request is one JSON object on one line.',
  }),
  'bad-file': (args) => ({
    message: [`${args.path ? `${text(args.path)}: ` : ''}${text(args.problem)}.`, ...list(args.list)].join(
      '\n',
    ),
    hint: args.hint ? text(args.hint) : 'The shape of a model spec: `llmspec schema model`.',
  }),
  'context-too-long': (args) => ({
    message: `${text(args.model)} holds ${tokens(args.most)} tokens at most, not ${tokens(args.tokens)}.`,
    hint: 'Say --ctx max for the most, or --allow-context-overflow to plan it all the same.',
  }),
  contradiction: (args) => ({
    message: `${text(args.one)} and ${text(args.other)} contradict each other.`,
    hint: 'Leave one of them out.',
  }),
  'impossible-layout': (args) => ({
    message: `That layout is not possible: ${text(args.words)}.`,
    hint: 'Leave the layout out to let the engine choose.',
  }),
  'engine-refuses': (args) => ({
    message: `${text(args.engine)} does not start with these settings: "${text(args.words)}".`,
    hint: args.instead ? text(args.instead) : 'It says so itself; change the setting that it names.',
  }),
  'too-many-rows': (args) => ({
    message: `That grid has ${grouped(Number(args.count))} rows; ${grouped(Number(args.most))} are the most.`,
    hint: 'Shorten a list, or run it in parts.',
  }),
  'no-engine': (args) => ({
    message: `${text(args.engine)} does not run on ${text(args.gpu)}.`,
    hint: `Name a card of ${list(args.vendors).join(', ')}: \`llmspec gpus\`.`,
  }),
  'no-hardware': () => ({
    message: 'No hardware with a limit was named.',
    hint: 'Say --gpu 2x4090, --gpu 24GiB, or --cpu --ram 64GiB.',
  }),
  'no-config': (args) => ({
    message: `There is no file of checks here or in a folder above: ${list(args.known).slice(0, 2).join(', ')} …`,
    hint: 'Write a first one with `llmspec init`, or give its path: llmspec check <file>.',
  }),
  'bad-row': (args) => ({
    message: [`The row "${text(args.name)}" is wrong.`, ...list(args.list)].join('\n'),
    hint: 'The shape of a row: `llmspec schema check-config`.',
  }),
  'too-many-checks': (args) => ({
    message: `${text(args.path)} makes ${grouped(Number(args.rows))} rows, and ${grouped(Number(args.most))} are the most; the row in line ${text(args.line)} alone makes ${grouped(Number(args.ofRow))}.`,
    hint: 'Every value of a list makes a row: shorten the lists of that row, or split the file.',
  }),
  'no-baseline': (args) => ({
    message: `The baseline "${text(args.name)}" cannot be used: ${text(args.problem)}.`,
    hint: 'Give a file that `--write-baseline` wrote, or a git ref such as main; in CI, fetch it first (fetch-depth: 0).',
  }),
  'not-understood': (args) => ({
    message: notUnderstood(args),
    hint: args.engine
      ? 'What is known of a model: `llmspec models show`; what is planned: `llmspec engines show`.'
      : 'Write its geometry as a spec, where it is known: `llmspec schema model`.',
  }),
  network: (args) => ({
    message: text(args.problem),
    hint: text(args.hint) || 'Try again, or plan a model of the catalogue.',
  }),
  offline: (args) => ({
    message: text(args.problem),
    hint: 'Leave --offline and HF_HUB_OFFLINE out to ask the hub.',
  }),
  bug: (args) => ({
    message: `Something is wrong in llmspec itself: ${text(args.problem)}`,
    hint: 'Please report it with the command you ran; LLMSPEC_DEBUG=1 shows where it happened.',
  }),
};

/** The words for an error. */
export const errorWords = (code: ErrorCode, args: ErrorArgs): Words => ERRORS[code](args);

type NoteArgs = Readonly<Record<string, unknown>>;

/** The words for every note of a plan: one line each. */
const NOTES: Record<string, (args: NoteArgs) => string> = {
  'plain-decoder': (args) =>
    `The model_type ${text(args.type)} is not known: its config was read as a plain decoder such as Llama${args.embeddings === 'assumed' ? ', with a head of its own' : ''}.`,
  'tower-not-read': () =>
    'Its vision tower is not counted: no published rule says what tensors it has. The language model is whole.',
  'context-not-said': (args) =>
    `The config does not say how many tokens the model holds: ${tokens(args.tokens)}, the default of its class, was taken.`,
  'file-weights': (args) =>
    `The weights are those of ${text(args.file)}: ${grouped(Number(args.tensors))} tensors, each in its own type.`,
  checkpoint: (args) =>
    `The checkpoint beside the config holds ${size(args.bytes)} in ${grouped(Number(args.tensors))} tensors (${list(args.types).join(', ')}).`,
  'checkpoint-differs': (args) =>
    `The checkpoint beside the config is not of this model: it stores ${grouped(Number(args.stored))} elements, and the model has ${grouped(Number(args.counted))} parameters.`,
  'quant-alias': (args) => `${text(args.asked)} means ${text(args.name)} in ${text(args.engine)}.`,
  'quant-default': (args) => `No weight format was given: ${text(args.name)}.`,
  'gpu-board': (args) => `${text(args.asked)} was taken as ${text(args.id)}: ${text(args.boards)}.`,
  'gpu-estimated': (args) => `The memory that the driver of ${text(args.name)} reports is estimated.`,
  display: (args) => `A desktop on ${text(args.id)} takes ${size(args.bytes)}.`,
  'context-overflow': (args) =>
    `${tokens(args.tokens)} tokens are more than the model's ${tokens(args.most)}.`,
  'context-extended': (args) =>
    `More than the native ${tokens(args.native)} tokens needs rope scaling: ${text(args.how)}, up to ${tokens(args.tokens)}.`,
  'version-tail': (args) => `Version ${text(args.asked)} was read as ${text(args.release)}.`,
  'engine-version': (args) =>
    `The rules of ${text(args.engine)} ${text(args.known)} were used for ${text(args.asked)}.`,
  'server-slots': (args) =>
    `A llama-server started without -np takes 4 slots in one cache: ${size(args.extraBytes)} more. Plan it with --set parallel=auto.`,
  'never-compared': (args) =>
    `Planned by the engine's source, never compared with a plan of the engine: ${(args.options as string[]).join(', ')}.`,
  'engine-fit': (args) => `llama.cpp's own --fit ${text(args.words)}.`,
  'engine-fit-failed': (args) => `llama.cpp's own --fit gives up here: ${text(args.words)}.`,
  'stock-mix': (args) =>
    `Stock ${text(args.quant)} of llama-quantize; files by others (dynamic, imatrix) differ by -5 to +20 %: give --file-size.`,
  'file-size': (args) =>
    `Weights were scaled to a file of ${size(args.fileBytes)}, in the proportions of ${text(args.quant)}.`,
  'needs-imatrix': (args) =>
    `llama-quantize makes ${text(args.quant)} only with an importance matrix; --imatrix plans its rules.`,
  repacking: (args) =>
    `A processor may hold weights twice, in its own layout: up to ${size(args.upToBytes)} more. --set no-repack avoids it.`,
};

/** The words for a note. */
export const noteWords = (code: string, args: NoteArgs): string => NOTES[code]?.(args) ?? code;
