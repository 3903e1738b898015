import { tf } from "../../mod.ts";
import { type Case, mixed, positive, sweep } from "./sweep.ts";

type Unary = (x: tf.Tensor) => tf.Tensor;

/** Sizes of one element, a prime, and more than a few vectors. */
const shapes = [[1], [7], [3, 37]];

function unary(name: string, compute: Unary, options: Partial<Case> = {}): Case[] {
  return shapes.map((shape) => ({
    name: `${name} [${shape}]`,
    shapes: [shape],
    compute,
    ...options,
  }));
}

const signed: [string, Unary][] = Object.entries({
  abs: tf.abs,
  atan: tf.atan,
  asinh: tf.asinh,
  clip: (x: tf.Tensor) => tf.clipByValue(x, -0.45, 0.55),
  cos: tf.cos,
  cosh: tf.cosh,
  elu: tf.elu,
  erf: tf.erf,
  exp: tf.exp,
  expm1: tf.expm1,
  leakyRelu: (x: tf.Tensor) => tf.leakyRelu(x, 0.3),
  logSigmoid: tf.logSigmoid,
  neg: tf.neg,
  relu: tf.relu,
  relu6: (x: tf.Tensor) => tf.relu6(x.mul(9)),
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sin: tf.sin,
  sinh: tf.sinh,
  softplus: tf.softplus,
  square: tf.square,
  tan: tf.tan,
  tanh: tf.tanh,
  clone: (x: tf.Tensor) => x.clone().mul(2),
  cast: (x: tf.Tensor) => x.cast("float32").mul(2),
});

const ofPositive: [string, Unary][] = Object.entries({
  acosh: (x: tf.Tensor) => tf.acosh(x.add(1.5)),
  log: tf.log,
  log1p: tf.log1p,
  pow: (x: tf.Tensor) => x.pow(2.5),
  reciprocal: tf.reciprocal,
  rsqrt: tf.rsqrt,
  sqrt: tf.sqrt,
});

const inside: [string, Unary][] = Object.entries({
  acos: (x: tf.Tensor) => tf.acos(x.mul(0.9)),
  asin: (x: tf.Tensor) => tf.asin(x.mul(0.9)),
  atanh: (x: tf.Tensor) => tf.atanh(x.mul(0.9)),
});

sweep("functions of one number", [
  ...[...signed, ...inside].flatMap(([name, compute]) => unary(name, compute)),
  ...ofPositive.flatMap(([name, compute]) => unary(name, compute, { values: positive })),
]);

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const binaries: [string, Binary][] = Object.entries({
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  pow: tf.pow,
  minimum: tf.minimum,
  maximum: tf.maximum,
  squaredDifference: tf.squaredDifference,
  atan2: tf.atan2,
  divNoNan: tf.divNoNan,
  // The quotient is 2 everywhere, so that no difference crosses a jump.
  mod: (a: tf.Tensor, b: tf.Tensor) => tf.mod(a.add(5), b.mul(0.1).add(2.2)),
});

const broadcasts = [
  [[5], [5]],
  [[3, 7], [7]],
  [[3, 7], [3, 1]],
  [[1], [4, 3]],
  [[2, 1, 5], [3, 1]],
  [[2, 1, 2, 5], [5]],
];

sweep(
  "functions of two numbers",
  binaries.flatMap(([name, compute]) =>
    broadcasts.map(([a, b]): Case => ({
      name: `${name} [${a}] [${b}]`,
      shapes: [a, b],
      // Different values for both, so that rounding cannot change their order.
      compute: (x, y) => compute(x, y.mul(1.29)),
      values: positive,
    }))
  ),
);

type Reduction = (x: tf.Tensor, axis?: number | number[], keep?: boolean) => tf.Tensor;

const reductions: [string, Reduction][] = Object.entries(
  {
    sum: (x, axis, keep) => tf.sum(x, axis, keep),
    mean: (x, axis, keep) => tf.mean(x, axis, keep),
    max: (x, axis, keep) => tf.max(x, axis, keep),
    min: (x, axis, keep) => tf.min(x, axis, keep),
    prod: (x, axis, keep) => tf.prod(x, axis, keep),
    logSumExp: (x, axis, keep) => tf.logSumExp(x, axis, keep),
    norm: (x, axis, keep) => tf.norm(x, 2, axis as number, keep),
    variance: (x, axis, keep) => tf.moments(x, axis, keep).variance,
  } satisfies Record<string, Reduction>,
);

sweep(
  "reductions",
  reductions.flatMap(([name, compute]) =>
    [undefined, 0, 1, 2, -1, [0, 1], [0, 2], [1, 2]].filter((axis) =>
      name !== "norm" || typeof axis === "number"
    ).flatMap((axis) =>
      [false, true].map((keep): Case => ({
        name: `${name} over ${axis ?? "all"}${keep ? ", kept" : ""}`,
        shapes: [[3, 4, 5]],
        compute: (x) => compute(x, axis, keep),
        values: name === "prod" ? positive : mixed,
      }))
    )
  ),
);

const ids = tf.tensor1d([3, 0, 3, 2], "int32");

sweep("operations that move elements", [
  { name: "reshape", shapes: [[3, 4]], compute: (x) => x.reshape([2, 6]) },
  { name: "transpose", shapes: [[2, 3, 4]], compute: (x) => x.transpose([2, 0, 1]) },
  { name: "transpose 4D", shapes: [[2, 3, 4, 5]], compute: (x) => x.transpose([0, 3, 1, 2]) },
  { name: "concat", shapes: [[2, 3], [2, 5]], compute: (a, b) => tf.concat([a, b], 1) },
  { name: "stack", shapes: [[2, 3], [2, 3]], compute: (a, b) => tf.stack([a, b], 1) },
  { name: "unstack", shapes: [[3, 4]], compute: (x) => tf.unstack(x)[1].mul(tf.unstack(x)[2]) },
  { name: "split", shapes: [[3, 8]], compute: (x) => tf.split(x, [3, 5], 1)[1] },
  { name: "slice", shapes: [[4, 5, 6]], compute: (x) => x.slice([1, 0, 2], [2, 4, 3]) },
  {
    name: "stridedSlice",
    shapes: [[7, 5]],
    compute: (x) => x.stridedSlice([1, 0], [6, 5], [2, 3]),
  },
  { name: "pad", shapes: [[3, 4]], compute: (x) => x.pad([[1, 2], [0, 3]], 0.5) },
  {
    name: "mirrorPad",
    shapes: [[3, 4]],
    compute: (x) => tf.mirrorPad(x, [[1, 1], [2, 0]], "reflect"),
  },
  { name: "tile", shapes: [[2, 3]], compute: (x) => x.tile([2, 3]) },
  { name: "tile 3D", shapes: [[2, 3, 2]], compute: (x) => x.tile([1, 2, 3]) },
  { name: "reverse", shapes: [[2, 3, 4]], compute: (x) => x.reverse([0, 2]) },
  { name: "expandDims", shapes: [[2, 3]], compute: (x) => x.expandDims(1) },
  { name: "broadcastTo", shapes: [[1, 3]], compute: (x) => x.broadcastTo([4, 3]) },
  { name: "gather", shapes: [[5, 3]], compute: (x) => x.gather(ids) },
  { name: "gather axis 1", shapes: [[2, 5, 3]], compute: (x) => x.gather(ids, 1) },
  {
    name: "gather a matrix of indices",
    shapes: [[5, 3]],
    compute: (x) => x.gather(ids.reshape([2, 2])),
  },
  {
    name: "gatherND",
    shapes: [[5, 3]],
    compute: (x) => tf.gatherND(x, tf.tensor2d([[0, 1], [4, 2]], undefined, "int32")),
  },
  {
    name: "unsortedSegmentSum",
    shapes: [[4, 3]],
    compute: (x) => tf.unsortedSegmentSum(x, ids, 5),
  },
  {
    name: "where",
    shapes: [[6], [6]],
    compute: (a, b) => tf.where(tf.tensor1d([1, 0, 1, 1, 0, 0], "bool"), a, b),
  },
  { name: "cumsum", shapes: [[3, 5]], compute: (x) => x.cumsum(1) },
  { name: "cumsum reverse", shapes: [[3, 5]], compute: (x) => x.cumsum(0, true, true) },
  {
    name: "spaceToBatchND",
    shapes: [[1, 4, 6, 2]],
    compute: (x) => tf.spaceToBatchND(x, [2, 2], [[0, 0], [0, 0]]),
  },
  {
    name: "batchToSpaceND",
    shapes: [[4, 2, 3, 2]],
    compute: (x) => tf.batchToSpaceND(x, [2, 2], [[0, 0], [0, 0]]),
  },
  { name: "topk", shapes: [[3, 7]], compute: (x) => tf.topk(x, 2).values },
]);

const images: Case[] = [true, false].flatMap((alignCorners) =>
  [[5, 7], [3, 3], [8, 4]].flatMap((size): Case[] => [
    {
      name: `resizeBilinear to ${size}, corners ${alignCorners}`,
      shapes: [[2, 4, 5, 3]],
      compute: (x) =>
        tf.image.resizeBilinear(x as tf.Tensor4D, size as [number, number], alignCorners),
      cpuIsWrong: "its gradient swaps height and width",
    },
    {
      name: `resizeNearestNeighbor to ${size}, corners ${alignCorners}`,
      shapes: [[2, 4, 5, 3]],
      compute: (x) =>
        tf.image.resizeNearestNeighbor(x as tf.Tensor4D, size as [number, number], alignCorners),
      cpuIsWrong: "its gradient reaches neighbours that were not taken",
    },
  ])
);

sweep("images and normalisations", [
  ...images,
  { name: "softmax", shapes: [[5, 11]], compute: (x) => tf.softmax(x.mul(4)) },
  { name: "logSoftmax", shapes: [[5, 11]], compute: (x) => tf.logSoftmax(x.mul(4)) },
  { name: "prelu", shapes: [[3, 5], [5]], compute: (x, alpha) => tf.prelu(x, alpha) },
  {
    name: "localResponseNormalization",
    shapes: [[2, 3, 3, 7]],
    compute: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 2),
  },
  {
    name: "batchNorm",
    shapes: [[4, 3, 3, 5], [5], [5], [5], [5]],
    compute: (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
      ),
    values: positive,
  },
  {
    name: "dilation2d",
    shapes: [[1, 6, 6, 3], [3, 3, 3]],
    compute: (x, w) => tf.dilation2d(x as tf.Tensor4D, w.mul(0.005) as tf.Tensor3D, 1, "same"),
  },
]);

const labels = tf.oneHot(tf.tensor1d([0, 2, 1, 2], "int32"), 3).toFloat();
const losses: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  absoluteDifference: (x) => tf.losses.absoluteDifference(labels, x),
  computeWeightedLoss: (x) => tf.losses.computeWeightedLoss(x),
  cosineDistance: (x) => tf.losses.cosineDistance(labels, x, 1),
  hingeLoss: (x) => tf.losses.hingeLoss(labels, x),
  huberLoss: (x) => tf.losses.huberLoss(labels, x),
  logLoss: (x) => tf.losses.logLoss(labels, x.sigmoid()),
  meanSquaredError: (x) => tf.losses.meanSquaredError(labels, x),
  sigmoidCrossEntropy: (x) => tf.losses.sigmoidCrossEntropy(labels, x),
  softmaxCrossEntropy: (x) => tf.losses.softmaxCrossEntropy(labels, x),
};

sweep(
  "losses of tfjs",
  Object.entries(losses).map(([name, compute]) => ({
    name,
    shapes: [[4, 3]],
    compute,
  })),
);
