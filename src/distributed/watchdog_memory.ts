/** Index of each word of the memory that a watchdog shares with the main thread. */
export const WORDS = {
  /** Counts every begin and end of work. */
  beats: 0,
  /** Number of the current work; 0 while nothing is worked on. */
  work: 1,
} as const;

/** The data that a watchdog's thread starts with. */
export interface WatchdogOrders {
  /** The shared memory: one element for each of {@linkcode WORDS}. */
  readonly words: Int32Array;
  /** The longest that one piece of work may take, in ms. */
  readonly limit: number;
  /** The rank of the process to watch. */
  readonly rank: number;
  /** Path of the MPI library that ends the other ranks. */
  readonly library: string;
}
