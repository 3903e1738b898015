import { tf } from "../../deps/tfjs.ts";
import { layerClass } from "./layer_class.ts";

/**
 * Makes the sum, product, mean and extremes of masked inputs pass on the mask that is true where
 * those of all inputs are, as in Keras. tfjs passes on one of them, with an axis too many.
 */
export function fixMerges(): void {
  Object.getPrototypeOf(layerClass("Add").prototype).computeMask = (
    _: tf.Tensor[],
    masks?: (tf.Tensor | null)[],
  ): tf.Tensor | null => {
    const given = (masks ?? []).filter((mask) => mask != null);
    if (given.length === 0) return null;
    return tf.tidy(() => given.reduce((all, mask) => tf.logicalAnd(all, mask), given[0].clone()));
  };
}
