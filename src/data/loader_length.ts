import { type Shard, WHOLE } from "./shard.ts";

/** The number of batches in a loader, or in a part of it, where it is known. */
export function loaderLength(loader: unknown, shard = WHOLE): number | undefined {
  if (typeof loader !== "object" || loader === null) return;
  const { length, size, shardLength } = loader as {
    length?: unknown;
    size?: unknown;
    shardLength?: (shard: Shard) => number;
  };
  if (shardLength) return shardLength.call(loader, shard);
  for (const known of [length, size]) {
    if (typeof known === "number" && Number.isFinite(known)) return Math.floor(known / shard.count);
  }
}
