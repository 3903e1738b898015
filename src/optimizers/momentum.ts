import { tf } from "../deps/tfjs.ts";

/** Where optimizers keep their momentum: ours, and those of TensorFlow.js. */
interface WithMomentum {
  momentum?: number;
  beta1?: number;
  /** What TensorFlow.js multiplies by: made of `momentum` once, at construction. */
  m?: tf.Scalar;
}

/**
 * The momentum of an optimizer, or what Adam calls beta1.
 *
 * @throws {TypeError} If it has none.
 */
export function momentumOf(optimizer: tf.Optimizer): number {
  const { momentum, beta1 } = optimizer as unknown as WithMomentum;
  const found = momentum ?? beta1;
  if (typeof found === "number") return found;
  throw new TypeError(
    `Cannot schedule the momentum as the optimizer must have one: ${optimizer.getClassName()} ` +
      "was made without",
  );
}

/** Sets it. */
export function setMomentum(optimizer: tf.Optimizer, momentum: number): void {
  const settable = optimizer as unknown as WithMomentum;
  if (settable.momentum === undefined) settable.beta1 = momentum;
  else settable.momentum = momentum;
  if (settable.m) {
    settable.m.dispose();
    settable.m = tf.keep(tf.scalar(momentum));
  }
}
