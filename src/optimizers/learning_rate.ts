import type { tf } from "../deps/tfjs.ts";

interface WithLearningRate {
  learningRate?: number;
  setLearningRate?(rate: number): void;
}

/** The learning rate of any optimizer, those of TensorFlow.js among them. */
export function learningRateOf(optimizer: tf.Optimizer): number {
  const { learningRate } = optimizer as unknown as WithLearningRate;
  if (typeof learningRate === "number") return learningRate;
  throw new TypeError(
    `Cannot read the learning rate as the optimizer must have one: ${optimizer.getClassName()} ` +
      "has no learningRate",
  );
}

/** Sets it, also where an optimizer keeps a tensor made of it. */
export function setLearningRate(optimizer: tf.Optimizer, rate: number): void {
  learningRateOf(optimizer);
  const settable = optimizer as unknown as WithLearningRate;
  if (settable.setLearningRate) settable.setLearningRate(rate);
  else settable.learningRate = rate;
}
