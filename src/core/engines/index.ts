import type { Model } from '../../schema/model.js';
import type { HeldWeights, Quant } from '../../schema/quant.js';
import type { PlanDocument } from '../../schema/result.js';
import type { CachePart } from '../cache/index.js';
import type { Estimate } from '../estimate.js';
import type { Note, PlannedDevice, ResolvedRequest } from '../request.js';
import type { Role } from '../tensors/index.js';
import { llamaCpp } from './llama-cpp/index.js';
import type { Option, OptionValues } from './llama-cpp/options.js';

/** What an engine puts on one device, bytes. */
export interface DeviceUse {
  readonly id: string;
  readonly gpu: string | null;
  /** The card; absent for the host. */
  readonly device?: PlannedDevice;
  readonly weights: ReadonlyMap<Role, number>;
  readonly kvCache: ReadonlyMap<CachePart, number>;
  readonly compute: Estimate;
  readonly output: number;
  readonly runtime: Estimate;
  /** A vision projector that is loaded beside the model. */
  readonly projector?: Estimate;
}

export interface EngineUse {
  /** Cards in order, the host last. */
  readonly devices: readonly DeviceUse[];
  /** Tokens that one sequence may hold. */
  readonly contextTokens: number;
  readonly backend: string;
  /** The request as the engine itself changed it, where it did. */
  readonly request?: ResolvedRequest;
  readonly notes: readonly Note[];
}

/** One formula with its numbers, as `--why` prints it. */
export interface Explanation {
  readonly part: string;
  readonly formula: string;
  readonly numbers: string;
  readonly bytes: number;
  readonly source: string;
}

/**
 * `exact`: as near to the engine as is known. For searches, both quick: `atMost` is rather too much, `atLeast` leaves out
 * what takes long to find, so that what does not fit then never fits.
 */
export type Accuracy = 'exact' | 'atMost' | 'atLeast';

/** An engine as a rule set over a model that it loaded, and then prepared in a weight format. */
export interface EngineRules<Loaded, Prepared> {
  readonly options: Readonly<Record<string, Option>>;
  readonly readOptions: (given: OptionValues) => OptionValues;
  /** As many sequences as one process takes at once, memory aside. */
  readonly mostSequences: (given: OptionValues) => number;
  readonly load: (model: Model, architectureName: string) => Loaded;
  readonly prepare: (loaded: Loaded, quant: Quant | HeldWeights, imatrix: boolean) => Prepared;
  readonly use: (prepared: Prepared, request: ResolvedRequest, accuracy: Accuracy) => EngineUse;
  /** The command line that starts the engine as planned. */
  readonly flags: (request: PlanDocument['request']) => string[];
  readonly explain: (prepared: Prepared, request: ResolvedRequest, use: EngineUse) => Explanation[];
}

/** Every engine there is: one line each. */
export const ENGINES = { 'llama.cpp': llamaCpp } as const;

export type EngineId = keyof typeof ENGINES;
