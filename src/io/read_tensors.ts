import { tf } from "../deps/tfjs.ts";
import type { Dtype } from "./dtypes.ts";
import type { HostTensor } from "./host_tensor.ts";

/** The element types that TensorFlow.js has, as safetensors names them. */
const NAMES = { float32: "F32", int32: "I32", bool: "BOOL" } as const;

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

/**
 * What safetensors calls the element type of a tensor.
 *
 * @throws {TypeError} If it has no name for it.
 */
export function dtypeOf(name: string, { dtype }: tf.Tensor): Dtype {
  if (Object.hasOwn(NAMES, dtype)) return NAMES[dtype as keyof typeof NAMES];
  throw new TypeError(
    `Cannot save tensor ${name} as its dtype must be float32, int32 or bool: it is ${dtype}`,
  );
}
