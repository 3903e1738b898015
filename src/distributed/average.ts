import { tf } from "../deps/tfjs.ts";
import { isSole, memoryOf } from "./tensor_memory.ts";
import type { World } from "./world.ts";

/**
 * Adds up tensors over all processes, each with its own weight: a mean, if the weights add up to 1.
 *
 * @param world The processes.
 * @param tensors `float32`, of the same shapes everywhere; they stay the caller's.
 * @param weight What this process's count.
 * @returns Of each tensor, the same bits everywhere: the tensor itself, changed in place, where
 *   nobody else sees its memory, else a new one.
 */
export function average(world: World, tensors: readonly tf.Tensor[], weight: number): tf.Tensor[] {
  // All are made ready before anything is sent: between two messages, the others would wait.
  const ready = tensors.map((tensor) => {
    const once = tensors.indexOf(tensor) === tensors.lastIndexOf(tensor);
    const memory = once && isSole(tensor) && memoryOf(tensor);
    if (!memory) return tf.tidy(() => tf.mul(tensor, weight));
    scale(memory, weight);
    return tensor;
  });
  return ready.map((tensor) => {
    const memory = memoryOf(tensor);
    if (memory) {
      world.reduce(memory);
      return tensor;
    }
    const values = tensor.dataSync<"float32">();
    const { shape } = tensor;
    tensor.dispose();
    world.reduce(values);
    return tf.tensor(values, shape);
  });
}

function scale(values: Float32Array, weight: number): void {
  for (let index = 0; index < values.length; index++) values[index] *= weight;
}
