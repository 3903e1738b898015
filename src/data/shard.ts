/** Which part of every epoch's one order a process takes, of several that train one model. */
export interface Shard {
  /** Which of the parts, an integer in [0, count). */
  readonly index: number;
  /** How many parts there are, an integer >= 1. */
  readonly count: number;
}

/** The whole. */
export const WHOLE: Shard = { index: 0, count: 1 };
