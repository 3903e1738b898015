import { keyedRandom } from "../../random/keyed_random.ts";
import { streamOf } from "../../learner/stream_of.ts";
import type { AnyLearner } from "../../learner/callback.ts";

/** The streams of random numbers of callbacks, apart from one another and from those of the step. */
const STREAMS = { mixUp: 16, cutMix: 17, transformBatch: 18 };

/** Random numbers for the current batch; with a seed, they depend on seed, epoch and batch only. */
export function batchRandom(
  { seed, epoch, batchIndex, peers }: AnyLearner,
  stream: keyof typeof STREAMS,
): () => number {
  if (seed === undefined) return Math.random;
  return keyedRandom(seed, epoch, batchIndex, streamOf(STREAMS[stream], peers));
}
