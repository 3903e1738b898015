import type { tf } from "../deps/tfjs.ts";

interface WithLearningRate {
  learningRate?: number;
  setLearningRate?(rate: number): void;
}

/**
 * The learning rate of any optimizer, including those of TensorFlow.js.
 *
 * @throws {TypeError} If the optimizer has none.
 */
export function learningRateOf(optimizer: tf.Optimizer): number {
  const { learningRate } = optimizer as unknown as WithLearningRate;
  if (typeof learningRate === "number") return learningRate;
  throw new TypeError(
    `Cannot read the learning rate: ${optimizer.getClassName()} has no learningRate`,
  );
}

/**
 * Sets the learning rate of any optimizer, also where the optimizer keeps a tensor made of it.
 *
 * @throws {TypeError} If the optimizer has none.
 */
export function setLearningRate(optimizer: tf.Optimizer, rate: number): void {
  learningRateOf(optimizer);
  const settable = optimizer as unknown as WithLearningRate;
  if (settable.setLearningRate) settable.setLearningRate(rate);
  else settable.learningRate = rate;
}
