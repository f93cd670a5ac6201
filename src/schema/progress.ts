/** What is going on, for a line of progress: `waiting` before a further try. */
export interface HubProgress {
  readonly kind: 'asking' | 'reading' | 'waiting';
  /** The repository. */
  readonly id: string;
  readonly path?: string;
  /** Read so far. */
  readonly bytes?: number;
  readonly totalBytes?: number;
  readonly seconds?: number;
}
