/**
 * Gradients of normalisations.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Attributes,
  type Gradients,
  hasKernel,
  isRecorded,
  keepOutside,
  once,
  pullBack,
  registerGradient,
  registerGradients,
  reshaped,
  run,
  runAll,
  scopeOf,
  unbroadcast,
} from "./gradient.ts";

/** Registers the gradients. */
export function registerNormalization(): void {
  registerGradient(
    "FusedBatchNorm",
    { inputs: ["x", "mean", "variance", "scale", "offset"] },
    fixedNormSlopes,
  );
  registerGradients(
    "TrainchartBatchNorm",
    { inputs: ["x", "scale", "offset"], results: [false, true, true] },
    batchNormSlopes,
  );
  registerGradient("TrainchartLayerNorm", { inputs: ["x", "scale", "offset"] }, layerNormSlopes);
  registerGradient("LRN", { inputs: ["x"], results: [true] }, (dy, [x, y], attributes) => ({
    x: () =>
      isRecorded()
        ? pullBack((x) => normalizeOverChannels(x, attributes), [x], dy)[0]
        : run("LRNGrad", { x, y, dy }, attributes),
  }));
}

/**
 * The gradients of `(x - mean) / sqrt(variance + epsilon) * scale + offset`.
 *
 * Mean, variance, scale and offset have one shape, which broadcasts to that of `x`: one pass makes
 * the gradient of `x`, two sums serve all the others.
 */
function fixedNormSlopes(
  dy: tf.Tensor,
  saved: (tf.Tensor | undefined)[],
  { varianceEpsilon }: Attributes,
): Gradients {
  const [x, mean, variance, scale, offset] = saved as
    & [tf.Tensor, tf.Tensor, tf.Tensor]
    & typeof saved;
  const { shape } = mean;
  const isPerColumn = shape.length === 1 && shape[0] === x.shape.at(-1) && x.dtype === "float32";
  const hasSums = isPerColumn && !isRecorded() && hasKernel("TrainchartBatchNormSums");
  const scope = scopeOf();
  let sums: tf.Tensor[] | undefined;
  /** One of the two sums, which one kernel makes. */
  const sumAt = (index: number) => {
    sums ??= runAll("TrainchartBatchNormSums", { dy, x, mean })
      .map((sum) => keepOutside(scope, sum));
    return sums[index];
  };
  const inverse = once(() => variance.add(varianceEpsilon).rsqrt());
  const factor = once(() => scale ? inverse().mul(scale) : inverse().clone());
  const sum = once(() => hasSums ? sumAt(0) : unbroadcast(dy, shape));
  const moment = once(() => hasSums ? sumAt(1) : unbroadcast(dy.mul(x.sub(mean)), shape));
  return {
    x: () => dy.mul(factor()),
    mean: () => sum().mul(factor()).neg(),
    variance: () => moment().mul(factor()).mul(inverse().square()).mul(-0.5),
    scale: () => moment().mul(inverse()),
    offset: () => reshaped(sum(), offset!.shape),
  };
}

type Affine = [x: tf.Tensor, scale: tf.Tensor | undefined, offset: tf.Tensor | undefined];

/**
 * The gradients of a normalisation along some axes, made of operations that have gradients
 * themselves.
 */
function composedSlopes(
  dy: tf.Tensor,
  [x, scale, offset]: Affine,
  axes: number[],
  epsilon: number,
): Gradients {
  const inputs = [x, scale, offset].filter((tensor) => tensor !== undefined);
  const [dx, ...others] = pullBack(
    (x, ...rest) => {
      const parts = [...rest];
      return normalize(x, axes, epsilon, scale && parts.shift(), offset && parts.shift());
    },
    inputs,
    dy,
  );
  return {
    x: () => dx,
    ...scale && { scale: () => others[0] },
    ...offset && { offset: () => others.at(-1)! },
  };
}

/**
 * `(x - mean) / sqrt(variance + epsilon) * scale + offset`, with the moments along some axes.
 *
 * @param scale Factors, which broadcast to `x`.
 * @param offset Summands, which broadcast to `x`.
 */
export function normalize(
  x: tf.Tensor,
  axes: number[],
  epsilon: number,
  scale?: tf.Tensor,
  offset?: tf.Tensor,
): tf.Tensor {
  const { mean, variance } = tf.moments(x, axes, true);
  const y = x.sub(mean).mul(variance.add(epsilon).rsqrt());
  const scaled = scale ? y.mul(scale) : y;
  return offset ? scaled.add(offset) : scaled;
}

/**
 * The gradients of a normalisation by the moments of its batch, along all axes but the last one.
 */
function batchNormSlopes(
  [dy]: tf.Tensor[],
  saved: tf.Tensor[],
  { epsilon }: Attributes,
): Gradients {
  const [x, scale, offset, mean, variance] = saved;
  // The moving moments are no part of what is trained.
  const moving = { movingMean: () => tf.zerosLike(mean), movingVariance: () => tf.zerosLike(mean) };
  if (isRecorded()) {
    const axes = x.shape.slice(0, -1).map((_, axis) => axis);
    return { ...composedSlopes(dy, [x, scale, offset], axes, epsilon), ...moving };
  }
  const inputs = { dy, x, mean, variance, scale };
  const [dx, sum, moment] = runAll("TrainchartBatchNormGradient", inputs, { epsilon });
  return {
    x: () => dx,
    scale: () => moment.mul(variance.add(epsilon).rsqrt()),
    offset: () => sum,
    ...moving,
  };
}

/** The gradients of a normalisation of each row. */
function layerNormSlopes(
  dy: tf.Tensor,
  saved: tf.Tensor[],
  attributes: { axes: number[]; size: number; epsilon: number },
): Gradients {
  const [x, scale, offset] = saved;
  const { axes, size, epsilon } = attributes;
  if (isRecorded()) return composedSlopes(dy, [x, scale, offset], axes, epsilon);
  const inputs = { dy, x, scale };
  const [dx, scaleSlope, offsetSlope] = runAll("TrainchartLayerNormGradient", inputs, {
    size,
    epsilon,
  });
  return {
    x: () => dx,
    scale: () => reshaped(scaleSlope, scale.shape),
    offset: () => reshaped(offsetSlope, offset.shape),
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
