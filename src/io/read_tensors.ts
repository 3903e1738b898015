import { tf } from "../deps/tfjs.ts";
import { dtypeOf, type HostTensor } from "./host_tensor.ts";

/** Backends that return a copy of the values; others may return their own memory. */
const COPIES = new Set(["wasm"]);

/**
 * Copies tensors off the device.
 *
 * It copies the values at the time of the call, even if variables change before they are read.
 *
 * @param tensors Tensors by name, which the caller keeps. A {@linkcode HostTensor} is passed through.
 * @returns The values, by the same names.
 * @throws {TypeError} If a tensor holds strings or complex numbers.
 */
export async function readTensors(
  tensors: ReadonlyMap<string, tf.Tensor | HostTensor>,
): Promise<Map<string, HostTensor>> {
  const clones: tf.Tensor[] = [];
  try {
    const reads = [...tensors].map(async ([name, tensor]): Promise<[string, HostTensor]> => {
      if (!(tensor instanceof tf.Tensor)) return [name, tensor];
      const dtype = dtypeOf(name, tensor);
      const clone = tensor.clone();
      clones.push(clone);
      const read = await clone.data() as HostTensor["values"];
      const values = COPIES.has(tf.getBackend()) ? read : read.slice();
      return [name, { dtype, shape: [...tensor.shape], values }];
    });
    return new Map(await Promise.all(reads));
  } finally {
    tf.dispose(clones);
  }
}
