import { keyedRandom } from "../../random/keyed_random.ts";
import { type Stream, streamKey } from "../../random/streams.ts";
import type { AnyLearner } from "../../learner/callback.ts";

/** Random numbers for the current batch; with a seed, they depend on seed, epoch and batch only. */
export function batchRandom(
  { trainingSeed: seed, epoch, batchIndex, peers }: AnyLearner,
  stream: Stream,
): () => number {
  if (seed === undefined) return Math.random;
  return keyedRandom(seed, epoch, batchIndex, streamKey(stream, peers?.shard.index));
}
