// Draws settings, asks llmspec and llama.cpp, and says where they differ. `run.ts` starts it, and survives the engine's crash.
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { PreparedModel } from '../../src/core/engines/llama-cpp/prepare.js';
import { plan, type Trial } from '../../src/core/plan.js';
import { InputError } from '../../src/errors.js';
import { type Asker, createPlanner } from '../../src/planner.js';
import {
  type Engine,
  type EngineModel,
  type Memory,
  openEngine,
  type Parts,
  type Refusal,
} from './engine.js';
import { writeGguf } from './gguf.js';
import { NotHere } from './llama-abi.js';
import { metadataOf, tensorsOf } from './model-file.js';
import { currentFile, readOptions } from './options.js';
import { randomFrom } from './random.js';
import { type Case, failuresOf, isCompared, report } from './report.js';
import {
  commandOf,
  contextSettingsOf,
  drawPlacement,
  drawSetting,
  FLOAT_TYPES,
  type Machine,
  requestOf,
} from './settings.js';
import { type Draw, type Share, sharesOfCatalog, sharesOfVariants } from './shares.js';

/** Draws, and the engine to ask. */
interface Round extends Draw {
  readonly engine: Engine;
}

async function compareShare(round: Round, share: Share): Promise<Case[]> {
  const { planner, options } = round;
  const { model } = share;
  const asker = await planner.asker(model);
  const { forEngine } = asker({ model, quant: options.quant }).prepared;
  const file = join(options.folder, 'model.gguf');
  writeGguf(file, metadataOf(forEngine), tensorsOf(forEngine));
  // A placement is part of loading: on a card every setting has its own.
  const loads = options.gpu === undefined ? 1 : share.settings;
  const ofALoad = { ...share, settings: share.settings / loads };
  return Array.from({ length: loads }, () => compareLoad(round, ofALoad, { asker, forEngine, file })).flat();
}

/** A model on our side, and its file. */
interface Ours {
  readonly asker: Asker;
  readonly forEngine: PreparedModel;
  readonly file: string;
}

function compareLoad(round: Round, share: Share, { asker, forEngine, file }: Ours): Case[] {
  const { engine, options, random } = round;
  const { model } = share;
  const { quant, gpu } = options;
  const hasExperts = forEngine.blocks.some(({ kind }) => kind === 'moe');
  const placement = drawPlacement(random, gpu, { layers: forEngine.layersAll, hasExperts });
  const command = typed(share, `llmspec vram ${model} --cpu -q ${quant} --set no-repack=true`);
  writeFileSync(currentFile(options.folder), command);
  const loaded = engine.load(file, placement);
  if ('refuses' in loaded) {
    const request = { model, quant, devices: [], options: { 'no-repack': true } };
    const ours = ourAnswer(asker(request));
    return [{ architecture: forEngine.architectureName, command, ours, theirs: loaded }];
  }
  const cases = compareSettings(round, share, { asker, forEngine, loaded, machine: { gpu, placement } });
  loaded.free();
  return cases;
}

/** A model on both sides. */
interface Sides extends Omit<Ours, 'file'> {
  readonly loaded: EngineModel;
  readonly machine: Machine;
}

/** Some settings are refused by both sides; a model that takes hardly any must not be drawn for without end. */
const DRAWS_A_SETTING = 20;

function compareSettings(round: Round, share: Share, sides: Sides): Case[] {
  const { asker, forEngine, loaded, machine } = sides;
  const { random, options } = round;
  const choices = { ...choicesOf(round, share, forEngine), machine };
  const cases: Case[] = [];
  const most = DRAWS_A_SETTING * share.settings;
  for (let draw = 0; draw < most && cases.filter(isCompared).length < share.settings; draw++) {
    const setting = drawSetting(random, choices);
    const command = typed(share, commandOf(setting));
    writeFileSync(currentFile(options.folder), command);
    const ours = ourAnswer(asker(requestOf(setting)));
    if (isAssertion(ours)) continue;
    const theirs = loaded.plan(contextSettingsOf(setting));
    cases.push({ architecture: forEngine.architectureName, command, ours, theirs });
  }
  return cases;
}

/** An assertion of the engine would end its process, and with it the draws: those are tried one by one. */
const isAssertion = (ours: Memory | Refusal): boolean =>
  'refuses' in ours && ours.refuses.startsWith('GGML_ASSERT');

/** As many as the engine takes. Recurrent state it allocates even where it only plans, so that it stays small here. */
const MOST_SEQUENCES = { recurrent: 4, other: 256 };

function choicesOf({ planner, options }: Round, { model }: Share, forEngine: PreparedModel) {
  const { caches, blocks } = forEngine;
  const { kvTypes } = planner.catalog.engine(planner.catalog.findEngine('llama.cpp')!);
  const isRecurrent = caches.some(({ part }) => part === 'recurrentState');
  return {
    model,
    quant: options.quant,
    kvTypes: hasUnevenHeads(blocks) || hasFewTensors(forEngine) ? FLOAT_TYPES : kvTypes,
    mostSequences: isRecurrent ? MOST_SEQUENCES.recurrent : MOST_SEQUENCES.other,
  };
}

/** Heads that are no whole blocks of a quantised cache: without flash attention the engine ends in an assertion. */
const hasUnevenHeads = (blocks: PreparedModel['blocks']): boolean =>
  blocks.some((block) => 'headDim' in block && block.headDim % CACHE_BLOCK > 0);

const CACHE_BLOCK = 32;

/** The engine foresees eight operations a tensor: a quantised cache that is turned takes more, and it ends in an assertion. */
const hasFewTensors = ({ weights, layers }: PreparedModel): boolean =>
  weights.layers.slice(0, layers).some((tensors) => tensors.length < LEAST_TENSORS);

const LEAST_TENSORS = 7;

/** The command, with the file that it needs. */
function typed({ model, spec }: Share, command: string): string {
  if (!spec) return command;
  const file = basename(model);
  return `echo '${spec}' > ${file}\n${command.replace(model, `./${file}`)}`;
}

function ourAnswer(trial: Trial): Memory | Refusal {
  try {
    const { devices } = plan(trial.prepared, trial.question).memory;
    const partsOn = (id: string): Parts => {
      const {
        weights = 0,
        kvCache = 0,
        compute = 0,
      } = devices.find((device) => device.id === id)?.parts ?? {};
      return { weights, kvCache, compute };
    };
    return { card: partsOn('gpu0'), host: partsOn('host') };
  } catch (error) {
    if (!(error instanceof InputError) || error.code !== 'engine-refuses') throw error;
    return { refuses: String(error.args.words) };
  }
}

const SECOND = 1000;

async function main(): Promise<void> {
  const options = readOptions();
  const engine = await openEngine(options.library);
  const round: Round = { planner: createPlanner(), engine, random: randomFrom(options.seed), options };
  console.log(`llama.cpp ${engine.version}, weights in ${options.quant}, --seed ${options.seed}`);
  const catalog = await compareAll('models of the catalogue', round, await sharesOfCatalog(round));
  const variants = await compareAll('other shapes of them', round, await sharesOfVariants(round));
  const broken = [...catalog, ...variants];
  for (const failure of broken) console.log(`FAILED  ${failure}`);
  console.log(`${Math.round(performance.now() / SECOND)} s`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}

/** @returns what does not hold, in words */
async function compareAll(title: string, round: Round, shares: readonly Share[]): Promise<string[]> {
  const cases: Case[] = [];
  for (const share of shares) cases.push(...(await compareShare(round, share)));
  if (cases.length === 0) return [];
  report(title, cases);
  return failuresOf(title, cases);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof NotHere)) throw error;
  console.log(`skipped: ${error.message}`);
}
