/**
 * Losses that depend on nothing but their arguments, so that a step with one can be compiled.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";

const PURE = new WeakSet<object>(Object.values(tf.losses));

/** Says that a loss depends on nothing but its arguments; returns it. */
export function pure<Loss extends object>(loss: Loss): Loss {
  PURE.add(loss);
  return loss;
}

/** Whether a loss is known to depend on nothing but its arguments. */
export function isPure(loss: object): boolean {
  return PURE.has(loss);
}
