import type { AnyLearner, CallbackLike } from "../../learner/callback.ts";
import { keyedRandom, mixKey, type Stream, streamKey } from "../../random/random_numbers.ts";

/**
 * Random numbers for a batch; with a seed, they depend on seed, epoch and batch only.
 *
 * @param learner The Learner.
 * @param callback The callback that draws: two of the same class draw different numbers.
 * @param stream The stream of its class.
 * @param place The place of the batch. Default: that of the current batch.
 * @returns Draws uniformly from [0, 1).
 */
export function batchRandom(
  { trainingSeed: seed, epoch, batchIndex, callbacks, peers }: AnyLearner,
  callback: CallbackLike,
  stream: Stream,
  place: { readonly epoch: number; readonly index: number } = { epoch, index: batchIndex },
): () => number {
  if (seed === undefined) return Math.random;
  const alike = callbacks.filter((other) => other.constructor === callback.constructor);
  const index = alike.indexOf(callback);
  const own = index > 0 ? mixKey(seed, index) : seed;
  return keyedRandom(own, place.epoch, place.index, streamKey(stream, peers?.shard.index));
}
