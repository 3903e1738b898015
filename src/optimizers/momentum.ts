import { tf } from "../deps/tfjs.ts";

/** The fields in which optimizers, including those of TensorFlow.js, keep their momentum. */
interface WithMomentum {
  momentum?: number;
  beta1?: number;
  /** The tensor that TensorFlow.js multiplies by, made of `momentum` at construction. */
  m?: tf.Scalar;
}

/** Whether an optimizer has a momentum; for Adam, `beta1`. */
export function hasMomentum(optimizer: tf.Optimizer): boolean {
  const { momentum, beta1 } = optimizer as unknown as WithMomentum;
  return typeof (momentum ?? beta1) === "number";
}

/**
 * The momentum of an optimizer; for Adam, `beta1`.
 *
 * @throws {TypeError} If the optimizer has none.
 */
export function momentumOf(optimizer: tf.Optimizer): number {
  const { momentum, beta1 } = optimizer as unknown as WithMomentum;
  const found = momentum ?? beta1;
  if (typeof found === "number") return found;
  throw new TypeError(
    `Cannot schedule the momentum: ${optimizer.getClassName()} was made without momentum`,
  );
}

/** Sets the momentum of an optimizer; for Adam, `beta1`. */
export function setMomentum(optimizer: tf.Optimizer, momentum: number): void {
  const settable = optimizer as unknown as WithMomentum;
  if (settable.momentum === undefined) settable.beta1 = momentum;
  else settable.momentum = momentum;
  if (settable.m) {
    settable.m.dispose();
    settable.m = tf.keep(tf.scalar(momentum));
  }
}
