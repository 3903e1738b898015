import { DTYPES, type HostTensor } from "../io/host_tensor.ts";
import type { World } from "./world.ts";

/** Plain JSON, and the tensors that it refers to. */
export interface Bundle {
  /** The JSON. */
  readonly json: unknown;
  /** The tensors, by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/**
 * Sends a bundle from one rank to all others.
 *
 * @param world The ranks.
 * @param bundle The bundle to send; only that of `root` is used.
 * @param root The rank that sends.
 * @returns The bundle of `root`.
 */
export function broadcastBundle(world: World, bundle?: Bundle, root = 0): Bundle {
  if (world.rank === root) {
    const { json, tensors } = bundle!;
    const list = [...tensors].map(([name, { dtype, shape, values: { length } }]) => [
      name,
      { dtype, shape, length },
    ]);
    broadcastText(world, JSON.stringify({ json, list }), root);
    for (const { values } of tensors.values()) world.broadcast(values, root);
    return bundle!;
  }
  const { json, list } = JSON.parse(broadcastText(world, "", root)) as {
    json: unknown;
    list: [string, Omit<HostTensor, "values"> & { length: number }][];
  };
  const tensors = new Map<string, HostTensor>();
  for (const [name, { dtype, shape, length }] of list) {
    const values = new DTYPES[dtype](length);
    world.broadcast(values, root);
    tensors.set(name, { dtype, shape, values });
  }
  return { json, tensors };
}

/** Sends a text from one rank, by default rank 0, to all others. */
export function broadcastText(world: World, text = "", root = 0): string {
  const own = new TextEncoder().encode(text);
  const length = Float64Array.of(own.length);
  world.broadcast(length, root);
  const bytes = world.rank === root ? own : new Uint8Array(length[0]);
  world.broadcast(bytes, root);
  return new TextDecoder().decode(bytes);
}
