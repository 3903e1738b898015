import { tf } from "../../mod.ts";

/** Computes without a kernel of the current backend, so that gradients are made of operations. */
export function withoutKernel<T>(name: string, compute: () => T): T {
  const kernel = tf.getKernel(name, tf.getBackend());
  tf.unregisterKernel(name, tf.getBackend());
  try {
    return compute();
  } finally {
    tf.registerKernel(kernel);
  }
}
