import { tf } from "../deps/tfjs.ts";

/**
 * Runs one of our kernels that writes its results over those inputs that share their elements with no
 * other tensor.
 *
 * @param kernelName The kernel.
 * @param inputs Its inputs, by name.
 * @param attributes Its numbers.
 * @returns The results: the input itself if it was written in place, else a new tensor, which the
 *   caller disposes; `undefined` if the backend has no such kernel.
 */
export function runInPlace(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  attributes: Record<string, number>,
): tf.Tensor[] | undefined {
  const kernel = tf.getKernel(kernelName, tf.getBackend());
  if (!kernel) return;
  const results = kernel.kernelFunc({ inputs, attrs: attributes, backend: tf.backend() });
  const tensors = Object.values(inputs);
  return (results as tf.TensorInfo[]).map((result) =>
    tensors.find((tensor) => tensor === result) ?? tf.engine().makeTensorFromTensorInfo(result)
  );
}
