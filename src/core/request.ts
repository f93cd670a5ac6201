import type { OptionValue, Request } from '../schema/request.js';

/** Devices of one kind. A card without `usableBytes` has no limit. */
export interface PlannedDevice {
  /** Id in the catalogue, or `null` for a card without a name. */
  readonly gpu: string | null;
  readonly count: number;
  readonly capacityBytes?: number | undefined;
  readonly usableBytes?: number | undefined;
  readonly backend?: string | undefined;
  readonly multiprocessors?: number | undefined;
  /** Its memory is the host's own. */
  readonly unified?: boolean | undefined;
  /** How the request named it, for the echo. */
  readonly echo: NonNullable<Request['devices']>[number];
}

/** A request with every default filled in: what the core plans and every result echoes. */
export interface ResolvedRequest {
  readonly model: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly quant: string;
  readonly contextTokens: number;
  readonly sequences: number;
  readonly kvTypeK: string;
  readonly kvTypeV: string;
  readonly devices: readonly PlannedDevice[];
  readonly hostMemoryBytes?: number;
  readonly limits?: {
    readonly totalBytes?: number | undefined;
    readonly perDeviceBytes?: number | undefined;
  };
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly imatrix: boolean;
  readonly fileBytes?: number;
  readonly workload?: Request['workload'];
  readonly allowContextOverflow: boolean;
  /** Nothing was said of the context: an engine that chooses one may. */
  readonly openContext?: true;
}

/** Something the reader should know; the words are in `render/messages.ts`. */
export interface Note {
  readonly code: string;
  readonly args: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
