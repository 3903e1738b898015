import type { Shard } from "./shard.ts";
import { isThenable } from "../chart/event_loop.ts";
import type { BatchSource } from "./loader.ts";

/**
 * Deals the batches of a source out to shards in turn, and yields those of one shard.
 *
 * An incomplete last turn is left out, so that all shards have the same number of batches.
 *
 * @param source All batches.
 * @param shard The shard whose batches are yielded.
 * @param drop Called with each batch of another shard, and with one that is left out.
 * @returns A source that is synchronous where `source` is.
 */
export function shardBatches(
  source: BatchSource<unknown>,
  { index, count }: Shard,
  drop: (batch: unknown) => void,
): BatchSource<unknown> {
  type Result = IteratorResult<unknown>;
  const turn = (place: number, own?: unknown): Result | Promise<Result> => {
    while (place < count) {
      const result = source.next();
      if (isThenable(result)) {
        return Promise.resolve(result as Promise<Result>).then((result) =>
          taken(result, place, own)
        );
      }
      if ((result as Result).done) return taken(result as Result, place, own);
      if (place === index) own = (result as Result).value;
      else drop((result as Result).value);
      place++;
    }
    return { done: false, value: own };
  };
  const taken = (result: Result, place: number, own: unknown): Result | Promise<Result> => {
    if (result.done) {
      if (place > index) drop(own);
      return result;
    }
    if (place !== index) drop(result.value);
    return turn(place + 1, place === index ? result.value : own);
  };
  return { next: () => turn(0), return: () => source.return?.() };
}
