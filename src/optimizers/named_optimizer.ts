import { tf } from "../deps/tfjs.ts";
import { closest } from "../deps/levenshtein.ts";
import { adam, adamW } from "./adam.ts";
import { rmsprop } from "./rmsprop.ts";
import { sgd } from "./sgd.ts";

/** Optimizers by the names of TensorFlow.js and Keras, with their default settings. */
const OPTIMIZERS: Readonly<Record<string, () => tf.Optimizer>> = {
  adam,
  adamw: adamW,
  sgd,
  rmsprop,
  adagrad: () => tf.train.adagrad(0.01),
  adadelta: () => tf.train.adadelta(1, 0.95, 1e-7),
  adamax: () => tf.train.adamax(0.002, 0.9, 0.999, 1e-7, 0),
};

/**
 * Makes an optimizer with its default settings.
 *
 * @param name The name, in upper or lower case: `"adam"`, `"RMSProp"`.
 * @throws {TypeError} If there is no such optimizer.
 */
export function namedOptimizer(name: string): tf.Optimizer {
  const key = name.toLowerCase();
  if (Object.hasOwn(OPTIMIZERS, key)) return OPTIMIZERS[key]();
  const names = Object.keys(OPTIMIZERS);
  throw new TypeError(
    `Cannot make an optimizer as its name must be one of ${names.join(", ")}: ` +
      `there is no "${name}", did you mean "${closest(key, names)}"?`,
  );
}
