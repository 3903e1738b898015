/**
 * Gradients of normalisations.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Attributes,
  type Gradients,
  isRecorded,
  once,
  pullBack,
  registerGradient,
  run,
  unbroadcast,
} from "./gradient.ts";

/** Registers the gradients. */
export function registerNormalization(): void {
  registerGradient(
    "FusedBatchNorm",
    { inputs: ["x", "mean", "variance", "scale", "offset"] },
    batchNormSlopes,
  );
  registerGradient("LRN", { inputs: ["x"], results: [true] }, (dy, [x, y], attributes) => ({
    x: () =>
      isRecorded()
        ? pullBack((x) => normalizeOverChannels(x, attributes), [x], dy)[0]
        : run("LRNGrad", { x, y, dy }, attributes),
  }));
}

/**
 * The slopes of `(x - mean) / sqrt(variance + epsilon) * scale + offset`.
 *
 * Mean, variance, scale and offset have one shape, which broadcasts to that of `x`: one pass makes
 * the slope of `x`, two sums serve all the others.
 */
function batchNormSlopes(
  dy: tf.Tensor,
  saved: (tf.Tensor | undefined)[],
  { varianceEpsilon }: Attributes,
): Gradients {
  const [x, mean, variance, scale, offset] = saved as
    & [tf.Tensor, tf.Tensor, tf.Tensor]
    & typeof saved;
  const { shape } = mean;
  const inverse = once(() => variance.add(varianceEpsilon).rsqrt());
  const factor = once(() => scale ? inverse().mul(scale) : inverse().clone());
  const sum = once(() => unbroadcast(dy, shape));
  const moment = once(() => unbroadcast(dy.mul(x.sub(mean)), shape));
  return {
    x: () => dy.mul(factor()),
    mean: () => sum().mul(factor()).neg(),
    variance: () => moment().mul(factor()).mul(inverse().square()).mul(-0.5),
    scale: () => moment().mul(inverse()),
    offset: () => sum().reshape(offset!.shape),
  };
}

/** Local response normalisation made of operations that have gradients of any order. */
function normalizeOverChannels(x: tf.Tensor, attributes: Attributes): tf.Tensor {
  const { depthRadius, bias, alpha, beta } = attributes;
  const channels = x.shape.at(-1)!;
  const isNear = Array.from(
    { length: channels },
    (_, i) => Array.from({ length: channels }, (_, j) => Number(Math.abs(i - j) <= depthRadius)),
  );
  const squares = x.square().reshape([-1, channels]).matMul(tf.tensor2d(isNear)).reshape(x.shape);
  return x.mul(squares.mul(alpha).add(bias).pow(-beta));
}
