import type { Peers } from "../data/shard.ts";

/** More than there are streams in one process. */
const STREAMS = 64;

/** The key of random draws that are made apart from all others, also from those of other processes. */
export function streamOf(stream: number, peers: Peers | undefined): number {
  return stream + STREAMS * (peers?.shard.index ?? 0);
}
