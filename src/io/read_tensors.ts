import { tf } from "../deps/tfjs.ts";
import { dtypeOf, type HostTensor } from "./host_tensor.ts";

/** The backends that hand out a copy; others may hand out what they keep. */
const COPIES = new Set(["wasm"]);

/**
 * Copies tensors off the device.
 *
 * What they are at the time of the call is what is copied, whatever happens to variables meanwhile.
 *
 * @param tensors By name; they stay the caller's. Typed arrays are passed through.
 * @returns Their values, by the same names.
 * @throws {TypeError} If one is of strings or complex numbers.
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
