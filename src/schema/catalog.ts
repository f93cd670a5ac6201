/** What the index of names holds of every file. */
export interface Entry {
  readonly id: string;
  /** Below the data folder. */
  readonly file: string;
}

export interface ModelEntry extends Entry {
  readonly name: string;
  readonly maker?: string;
  readonly family?: string;
  readonly aliases: readonly string[];
  readonly hubIds: readonly string[];
  readonly type: string;
  readonly totalParameters: number;
  readonly activeParameters: number;
  /** It has routed experts. */
  readonly experts?: true;
  readonly contextTokens: number;
  readonly released?: string;
  readonly input?: readonly string[];
}

export interface GpuEntry extends Entry {
  readonly name: string;
  readonly vendor: string;
  readonly segment: string;
  readonly aliases: readonly string[];
  readonly boards?: string;
  /** Sold in several sizes, each an entry of its own. */
  readonly sizes?: true;
  readonly capacityBytes: number;
  readonly capacityEstimated?: true;
  readonly usableBytes: number;
  readonly bandwidthBytesPerSecond?: number;
  readonly backend?: string;
  readonly multiprocessors?: number;
  readonly cardsPerNode?: number;
  readonly unified?: true;
  readonly powerWatts?: number;
  readonly priceUsd?: number;
  readonly releaseYear?: number;
}

export interface QuantEntry extends Entry {
  readonly about: string;
  readonly kind: string;
}

export interface EngineEntry extends Entry {
  readonly name: string;
  readonly aliases: readonly string[];
}
