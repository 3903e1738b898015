/** Parts of a run that draw random numbers independently of one another, and the key of each. */
const STREAMS = {
  idle: 0,
  train: 1,
  validate: 2,
  test: 3,
  predict: 4,
  mixUp: 16,
  cutMix: 17,
  transformBatch: 18,
} as const;

/** Larger than every key above. */
const KEYS_PER_RANK = 64;

/** Name of a part of a run that draws its own random numbers. */
export type Stream = keyof typeof STREAMS;

/**
 * Returns the key that keeps a part of a run, on one of several processes, apart from all others.
 *
 * @param stream The part of the run.
 * @param rank Index of the process, an integer >= 0. Default: 0.
 * @returns A key for {@linkcode keyedRandom}.
 */
export function streamKey(stream: Stream, rank: number = 0): number {
  return STREAMS[stream] + KEYS_PER_RANK * rank;
}
