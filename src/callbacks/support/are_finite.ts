import { tf } from "../../deps/tfjs.ts";

/** A scalar for each tensor: 0 if all of its numbers are finite, NaN otherwise. */
export function finiteProbes(tensors: readonly tf.Tensor[]): tf.Tensor[] {
  // A number that is not finite is NaN when multiplied by 0.
  return tensors.map((tensor) => tensor.toFloat().mul(0).sum());
}

/** Whether all numbers of all tensors are finite. This reads the device. */
export async function areFinite(tensors: readonly tf.Tensor[]): Promise<boolean> {
  if (tensors.length === 0) return true;
  const probe = tf.tidy(() => tf.addN(finiteProbes(tensors)));
  try {
    const [value] = await probe.data();
    return !Number.isNaN(value);
  } finally {
    probe.dispose();
  }
}
