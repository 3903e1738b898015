import { tf } from "../deps/tfjs.ts";
import { decodeState, encodeState } from "../io/state_codec.ts";
import type { HostTensor } from "../io/host_tensor.ts";
import { dtypeOf } from "../io/host_tensor.ts";
import { broadcastBundle, type Bundle } from "./bundle.ts";
import type { World } from "./world.ts";

/**
 * Gathers the states of all ranks on rank 0.
 *
 * @param world The ranks.
 * @param own The state of this rank; its tensors are not disposed.
 * @returns On rank 0, the states in the order of the ranks, whose tensors the caller disposes;
 *   elsewhere as many times `undefined`.
 */
export function gatherStates(world: World, own: unknown): unknown[] {
  const bundle = encode(own);
  return Array.from({ length: world.size }, (_, root) => {
    const { json, tensors } = broadcastBundle(world, bundle, root);
    return world.rank === 0 ? decodeState(json, tensors) : undefined;
  });
}

/** Encodes a state in plain numbers. Tensors are read synchronously, since the other ranks wait. */
function encode(own: unknown): Bundle {
  const tensors = new Map<string, tf.Tensor | HostTensor>();
  const json = encodeState(own, "own", tensors);
  const values = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    values.set(
      name,
      tensor instanceof tf.Tensor
        ? { dtype: dtypeOf(name, tensor), shape: tensor.shape, values: tensor.dataSync() }
        : tensor,
    );
  }
  return { json, tensors: values };
}
