import { tf } from "../deps/tfjs.ts";

/**
 * Updates a variable and what an optimizer remembers of it in one pass, where the backend has a
 * kernel for it.
 *
 * @param kernelName The kernel.
 * @param value The variable.
 * @param gradient Its gradient, float32 of the same shape.
 * @param slots What is remembered, by the names that the kernel gives them.
 * @param attributes The numbers of this update.
 * @returns The new value, then the new slots: each the same tensor where it was written in place,
 *   else a new one, which is the caller's; `undefined` if there is no such kernel.
 */
export function fusedUpdate(
  kernelName: string,
  value: tf.Tensor,
  gradient: tf.Tensor,
  slots: tf.NamedTensorMap,
  attributes: Record<string, number>,
): tf.Tensor[] | undefined {
  const kernel = tf.getKernel(kernelName, tf.getBackend());
  if (!kernel) return;
  const inputs = { value, gradient, ...slots };
  const results = kernel.kernelFunc({ inputs, attrs: attributes, backend: tf.backend() });
  const before: tf.Tensor[] = [value, ...Object.values(slots)];
  return (results as tf.TensorInfo[]).map((result, i) =>
    result === before[i] ? before[i] : tf.engine().makeTensorFromTensorInfo(result)
  );
}
