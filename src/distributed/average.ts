import { isSole, memoryOf, runInPlace } from "../tensors/tensor_memory.ts";
import { tf } from "../deps/tfjs.ts";
import type { World } from "./world.ts";

/** Tensors of fewer elements travel in one joint message: copying them costs less than messages. */
export const SMALL = 4096;

/**
 * Sums tensors over all ranks, each rank's multiplied by a weight: a mean if the weights add up to 1.
 *
 * @param world The ranks.
 * @param tensors `float32`, of the same shapes on every rank; the caller disposes them.
 * @param weight The weight of this rank's tensors.
 * @returns The sums, with the same bits on every rank: each is the tensor itself, changed in place,
 *   where no other tensor shares its memory, else a new tensor.
 */
export function average(world: World, tensors: readonly tf.Tensor[], weight: number): tf.Tensor[] {
  const isOwn = (tensor: tf.Tensor) =>
    isSole(tensor) && tensors.indexOf(tensor) === tensors.lastIndexOf(tensor);
  // Every tensor is scaled before the first message: between messages, the other ranks would wait.
  const joint = scaled(join(tensors.filter(isSmall)), weight);
  const ready = tensors.map((tensor) =>
    isSmall(tensor) || (isOwn(tensor) && scaleInPlace(tensor, weight))
      ? tensor
      : tf.tidy(() => tf.mul(tensor, weight))
  );
  if (joint.length > 0) world.reduce(joint);
  let end = 0;
  return ready.map((tensor) => {
    if (!isSmall(tensor)) return reduced(world, tensor);
    const values = joint.subarray(end, end += tensor.size);
    const memory = isOwn(tensor) && memoryOf(tensor);
    if (!memory) return tf.tensor(values.slice(), tensor.shape);
    memory.set(values);
    return tensor;
  });
}

function isSmall(tensor: tf.Tensor): boolean {
  return tensor.size < SMALL;
}

/** Concatenates the elements of all tensors. */
function join(tensors: readonly tf.Tensor[]): Float32Array {
  const joint = new Float32Array(tensors.reduce((sum, { size }) => sum + size, 0));
  let end = 0;
  for (const tensor of tensors) {
    joint.set(memoryOf(tensor) ?? tensor.dataSync<"float32">(), end);
    end += tensor.size;
  }
  return joint;
}

/** Sums a tensor with memory of its own: in place, or into a new tensor that replaces it. */
function reduced(world: World, tensor: tf.Tensor): tf.Tensor {
  const memory = memoryOf(tensor) as Float32Array | undefined;
  if (memory) {
    world.reduce(memory);
    return tensor;
  }
  const values = tensor.dataSync<"float32">();
  const { shape } = tensor;
  tensor.dispose();
  world.reduce(values);
  return tf.tensor(values, shape);
}

/** Returns whether the backend can scale in place. */
function scaleInPlace(tensor: tf.Tensor, factor: number): boolean {
  if (runInPlace("TrainchartScale", { x: tensor }, { factor })) return true;
  const memory = memoryOf(tensor) as Float32Array | undefined;
  if (memory) scaled(memory, factor);
  return memory !== undefined;
}

function scaled(values: Float32Array, factor: number): Float32Array {
  for (let index = 0; index < values.length; index++) values[index] *= factor;
  return values;
}
