import type { Peers } from "../data/loader.ts";

/**
 * Joins the numbers of all ranks, in the order of the ranks.
 *
 * @param values The numbers of this rank, of any length.
 * @param peers The other ranks, if any.
 */
export function gather(values: ArrayLike<number>, peers?: Peers): Float64Array {
  if (!peers) return Float64Array.from(values);
  const { index, count } = peers.shard;
  const lengths = new Float64Array(count);
  lengths[index] = values.length;
  peers.sum(lengths);
  const add = (a: number, b: number) => a + b;
  // Where one rank has its numbers, all others add zeros.
  const all = new Float64Array(lengths.reduce(add));
  all.set(values, lengths.subarray(0, index).reduce(add, 0));
  peers.sum(all);
  return all;
}
