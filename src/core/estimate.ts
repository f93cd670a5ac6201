/** Bytes with the bounds between which they lie. */
export interface Estimate {
  readonly bytes: number;
  readonly low: number;
  readonly high: number;
}
