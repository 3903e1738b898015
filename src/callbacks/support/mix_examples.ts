/**
 * The common parts of {@linkcode MixUp} and {@linkcode CutMix}: each example is mixed with another one
 * of its batch, and so is its loss.
 *
 * @module
 */
import { checkNumber } from "../../checks/check_number.ts";
import { describeValue } from "../../checks/describe_value.ts";
import { tf } from "../../deps/tfjs.ts";
import { permutation } from "../../random/permutation.ts";
import type { AnyLearner } from "../../learner/callback.ts";

/** The batch in another order. */
export interface Partners {
  /** `[batch, ...]`. */
  data: tf.Tensor;
  /** `[batch, ...]`. */
  labels: tf.Tensor;
}

/** The second half of a mixed loss. */
export interface MixedLoss {
  /** Labels of the partners, `[batch, ...]`. */
  labels: tf.Tensor;
  /** The part of each example that is its own, in [0, 1]. */
  share: number;
}

/** A partner for each example; the caller disposes them. */
export function partnersOf(name: string, learner: AnyLearner, random: () => number): Partners {
  const { data, labels, batchSize } = learner;
  for (const [part, value] of Object.entries({ data, labels })) {
    if (value instanceof tf.Tensor) continue;
    throw new TypeError(
      `Cannot mix batches with ${name} as ${part} must be one tensor: current value is ${
        describeValue(value)
      }`,
    );
  }
  return tf.tidy(() => {
    const order = tf.tensor1d(permutation(batchSize, random), "int32");
    return { data: tf.gather(data, order), labels: tf.gather(labels, order) };
  });
}

/** Mixes the loss with the loss of the partners' labels, for `afterLoss`. */
export function mixLoss(learner: AnyLearner, { labels, share }: MixedLoss): void {
  const other = learner.lossFunction(learner.predictions, labels);
  learner.loss = tf.add(tf.mul(learner.loss, share), tf.mul(other, 1 - share));
}

/**
 * A number in (0, 1) from the distribution Beta(alpha, alpha).
 *
 * The share of one of two numbers from Gamma(alpha), by Marsaglia and Tsang, "A Simple Method for
 * Generating Gamma Variables", 2000, https://doi.org/10.1145/358407.358414.
 */
export function drawBeta(alpha: number, random: () => number): number {
  const first = drawLogGamma(alpha, random), second = drawLogGamma(alpha, random);
  return 1 / (1 + Math.exp(second - first));
}

/** The logarithm, as for a small alpha the numbers themselves underflow. */
function drawLogGamma(alpha: number, random: () => number): number {
  if (alpha < 1) return drawLogGamma(alpha + 1, random) + Math.log(1 - random()) / alpha;
  const d = alpha - 1 / 3, c = 1 / Math.sqrt(9 * d);
  while (true) {
    const x = drawNormal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random()) < x * x / 2 + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

function drawNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Checks the parameter of the distribution. */
export function checkAlpha(name: string, alpha: number): number {
  return checkNumber(`mix batches with ${name}`, "alpha", alpha, { above: 0 });
}
