import type { Peers } from "../data/shard.ts";

/**
 * The numbers of all processes, one process after the other.
 *
 * @param values Those of this process: as many as it has.
 * @param peers The others, if any.
 */
export function gather(values: ArrayLike<number>, peers?: Peers): Float64Array {
  if (!peers) return Float64Array.from(values);
  const { index, count } = peers.shard;
  const lengths = new Float64Array(count);
  lengths[index] = values.length;
  peers.sum(lengths);
  const add = (a: number, b: number) => a + b;
  // Where one has its numbers, all others add zeros.
  const all = new Float64Array(lengths.reduce(add));
  all.set(values, lengths.subarray(0, index).reduce(add, 0));
  peers.sum(all);
  return all;
}
