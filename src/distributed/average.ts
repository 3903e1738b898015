import { tf } from "../deps/tfjs.ts";
import { memoryOf } from "./tensor_memory.ts";
import type { World } from "./world.ts";

/**
 * Adds up tensors over all processes, each with its own weight: a mean, if the weights add up to 1.
 *
 * @param world The processes.
 * @param tensors `float32`, of the same shapes everywhere; they stay the caller's.
 * @param weight What this process's count.
 * @returns New tensors, the same bits everywhere.
 */
export function average(world: World, tensors: readonly tf.Tensor[], weight: number): tf.Tensor[] {
  return tensors.map((tensor) => {
    // New memory, which no clone shares, to be added up in place.
    const weighted = tf.tidy(() => tf.mul(tensor, weight));
    const memory = memoryOf(weighted);
    if (memory) {
      world.reduce(memory);
      return weighted;
    }
    const values = weighted.dataSync<"float32">();
    const { shape } = weighted;
    weighted.dispose();
    world.reduce(values);
    return tf.tensor(values, shape);
  });
}
