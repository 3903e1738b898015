import { tf } from "../../mod.ts";
import { mixed, positive } from "./sweep.ts";

/** An operation of each kernel, and the shapes of what it is differentiated by. */
export interface GradientCase {
  /** The kernel whose gradient it is about. */
  kernel: string;
  /** The particular of this case. */
  name?: string;
  shapes: number[][];
  compute: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** The values of the inputs. Default: {@linkcode mixed}. */
  values?: (size: number) => number[];
}

const x23 = [[2, 3]];
const int = (values: number[], shape: number[] = [values.length]) =>
  tf.tensor(values, shape, "int32");

function unary(kernel: string, compute: (x: tf.Tensor) => tf.Tensor, values = mixed): GradientCase {
  return { kernel, shapes: x23, compute, values };
}

const UNARY: GradientCase[] = [
  unary("Abs", tf.abs),
  unary("Acos", (x) => tf.acos(x.mul(0.9))),
  unary("Acosh", (x) => tf.acosh(x.add(1.5)), positive),
  unary("Asin", (x) => tf.asin(x.mul(0.9))),
  unary("Asinh", tf.asinh),
  unary("Atan", tf.atan),
  unary("Atanh", (x) => tf.atanh(x.mul(0.9))),
  unary("Cast", (x) => x.cast("float32")),
  unary("ClipByValue", (x) => tf.clipByValue(x, -0.5, 0.5)),
  unary("Cos", tf.cos),
  unary("Cosh", tf.cosh),
  unary("Elu", tf.elu),
  unary("Erf", tf.erf),
  unary("Exp", tf.exp),
  unary("Expm1", tf.expm1),
  unary("Identity", (x) => x.clone()),
  unary("LeakyRelu", (x) => tf.leakyRelu(x, 0.3)),
  unary("Log", tf.log, positive),
  unary("Log1p", tf.log1p, positive),
  unary("Neg", tf.neg),
  unary("Reciprocal", tf.reciprocal, positive),
  unary("Relu", tf.relu),
  unary("Relu6", (x) => tf.relu6(x.mul(9))),
  unary("Rsqrt", tf.rsqrt, positive),
  unary("Selu", tf.selu),
  unary("Sigmoid", tf.sigmoid),
  unary("Sin", tf.sin),
  unary("Sinh", tf.sinh),
  unary("Softmax", (x) => tf.softmax(x.mul(3))),
  unary("Softplus", tf.softplus),
  unary("Sqrt", tf.sqrt, positive),
  unary("Square", tf.square),
  unary("Tan", tf.tan),
  unary("Tanh", tf.tanh),
  // Flat: their gradients are zeros, and so are those of the gradients.
  unary("Ceil", (x) => x.ceil().mul(x)),
  unary("Floor", (x) => x.floor().mul(x)),
  unary("Round", (x) => x.round().mul(x)),
  unary("Sign", (x) => x.sign().mul(x)),
  unary("Step", (x) => x.step(0.3).mul(x)),
  unary("OnesLike", (x) => tf.onesLike(x).mul(x)),
  unary("ZerosLike", (x) => tf.zerosLike(x).add(x)),
  { ...unary("Cast", (x) => x.toInt().toFloat().add(x)), name: "to integers" },
];

/** Makes integers or booleans of floats: a condition on the number that it chooses between. */
const CONDITIONS: GradientCase[] = Object.entries<(x: tf.Tensor) => tf.Tensor>({
  All: (x) => x.greater(-0.9).all(1, true).tile([1, 3]),
  Any: (x) => x.greater(0.9).any(1, true).tile([1, 3]),
  ArgMax: (x) => tf.oneHot(x.argMax(1), 3).greater(0),
  ArgMin: (x) => tf.oneHot(x.argMin(1), 3).greater(0),
  BitwiseAnd: (x) => tf.bitwiseAnd(x.mul(9).toInt(), int([1, 2, 3, 4, 5, 6], [2, 3])).greater(0),
  Equal: (x) => x.equal(0),
  Greater: (x) => x.greater(0.1),
  GreaterEqual: (x) => x.greaterEqual(0.1),
  IsFinite: (x) => x.isFinite(),
  IsInf: (x) => x.isInf(),
  IsNan: (x) => x.isNaN(),
  Less: (x) => x.less(0.1),
  LessEqual: (x) => x.lessEqual(0.1),
  LogicalAnd: (x) => x.less(0.5).logicalAnd(x.greater(-0.5)),
  LogicalNot: (x) => x.less(0.5).logicalNot(),
  LogicalOr: (x) => x.less(0.5).logicalOr(x.greater(0.8)),
  LogicalXor: (x) => x.less(0.5).logicalXor(x.greater(-0.5)),
  NotEqual: (x) => x.notEqual(0),
  OneHot: (x) => tf.oneHot(x.toInt(), 3).sum(-1).greater(0),
  SearchSorted: (x) => tf.searchSorted(tf.tensor2d([[-1, 0, 1], [-1, 0, 1]]), x).greater(1),
}).map(([kernel, condition]) => ({
  kernel,
  shapes: x23,
  compute: (x) => tf.where(condition(x), x.square(), x),
}));

const BINARY: GradientCase[] = Object.entries<(a: tf.Tensor, b: tf.Tensor) => tf.Tensor>({
  Add: tf.add,
  Atan2: tf.atan2,
  FloorDiv: (a, b) => tf.floorDiv(a.add(5), b.add(3.1)).mul(a).mul(b),
  Maximum: tf.maximum,
  Minimum: tf.minimum,
  Mod: (a, b) => tf.mod(a.add(5), b.mul(0.1).add(2.2)),
  Multiply: tf.mul,
  Pow: tf.pow,
  RealDiv: tf.div,
  SquaredDifference: tf.squaredDifference,
  Sub: tf.sub,
}).flatMap(([kernel, compute]) =>
  [[[2, 3], [2, 3]], [[2, 3], [3]], [[2, 1], [1, 3]]].map((shapes) => ({
    kernel,
    name: shapes.join(" with "),
    shapes,
    // Not the same values for both: their order must not hang on rounding.
    compute: (a: tf.Tensor, b: tf.Tensor) => compute(a, b.mul(1.29)),
    values: positive,
  }))
);

type Reduction = (x: tf.Tensor, axis?: number | number[], keep?: boolean) => tf.Tensor;

const REDUCTIONS: GradientCase[] = Object.entries<Reduction>({
  Max: (x, axis, keep) => x.max(axis, keep),
  Mean: (x, axis, keep) => x.mean(axis, keep),
  Min: (x, axis, keep) => x.min(axis, keep),
  Prod: (x, axis, keep) => x.prod(axis, keep),
  Sum: (x, axis, keep) => x.sum(axis, keep),
}).flatMap(([kernel, compute]) =>
  [undefined, 0, -1, [0, 2]].flatMap((axis) =>
    [false, true].map((keep) => ({
      kernel,
      name: `over ${axis ?? "all"}${keep ? ", kept" : ""}`,
      shapes: [[2, 3, 2]],
      compute: (x: tf.Tensor) => compute(x, axis, keep),
    }))
  )
);

const SCANS: GradientCase[] = [false, true].flatMap((exclusive) =>
  [false, true].flatMap((reverse) =>
    [0, 1].flatMap((axis): GradientCase[] => [
      {
        kernel: "Cumsum",
        name: `${exclusive} ${reverse} ${axis}`,
        shapes: [[3, 4]],
        compute: (x) => tf.cumsum(x, axis, exclusive, reverse),
      },
      {
        kernel: "Cumprod",
        name: `${exclusive} ${reverse} ${axis}`,
        shapes: [[3, 4]],
        compute: (x) => tf.cumprod(x, axis, exclusive, reverse),
      },
      {
        kernel: "Cumprod",
        name: `of zeros ${exclusive} ${reverse} ${axis}`,
        shapes: [[3, 4]],
        compute: (x) =>
          tf.cumprod(x.mul(tf.range(0, 12).mod(3).reshape([3, 4])), axis, exclusive, reverse),
      },
    ])
  )
);

const MOVEMENT: GradientCase[] = [
  { kernel: "AddN", shapes: [[2, 3], [2, 3]], compute: (a, b) => tf.addN([a, b, a]) },
  {
    kernel: "BatchToSpaceND",
    shapes: [[4, 2, 3, 1]],
    compute: (x) => tf.batchToSpaceND(x, [2, 2], [[0, 1], [1, 0]]),
  },
  { kernel: "BroadcastTo", shapes: [[1, 3]], compute: (x) => x.broadcastTo([2, 2, 3]) },
  { kernel: "Concat", shapes: [[2, 3], [2, 2]], compute: (a, b) => tf.concat([a, b], 1) },
  {
    kernel: "DepthToSpace",
    shapes: [[1, 2, 3, 8]],
    compute: (x) => tf.depthToSpace(x as never, 2),
  },
  { kernel: "Diag", shapes: [[3]], compute: (x) => tf.diag(x) },
  { kernel: "Diag", name: "of a matrix", shapes: x23, compute: (x) => tf.diag(x) },
  { kernel: "ExpandDims", shapes: x23, compute: (x) => x.expandDims(1) },
  {
    kernel: "FlipLeftRight",
    shapes: [[1, 2, 3, 2]],
    compute: (x) => tf.image.flipLeftRight(x as never),
  },
  ...(["reflect", "symmetric"] as const).map((mode): GradientCase => ({
    kernel: "MirrorPad",
    name: mode,
    shapes: [[3, 4]],
    compute: (x) => tf.mirrorPad(x, [[1, 2], [2, 0]], mode),
  })),
  { kernel: "Pack", shapes: [[2, 3], [2, 3]], compute: (a, b) => tf.stack([a, b], 1) },
  { kernel: "PadV2", shapes: x23, compute: (x) => x.pad([[1, 0], [2, 1]], 0.5) },
  { kernel: "Reshape", shapes: x23, compute: (x) => x.reshape([3, 2]) },
  { kernel: "Reverse", shapes: [[2, 3, 2]], compute: (x) => x.reverse([0, 2]) },
  {
    kernel: "Select",
    shapes: [[4], [4]],
    compute: (a, b) => tf.where([true, false, true, true], a, b),
  },
  { kernel: "Slice", shapes: [[3, 4]], compute: (x) => x.slice([1, 0], [2, 3]) },
  {
    kernel: "SpaceToBatchND",
    shapes: [[1, 3, 5, 1]],
    compute: (x) => tf.spaceToBatchND(x, [2, 2], [[0, 1], [1, 0]]),
  },
  { kernel: "SplitV", shapes: [[2, 5]], compute: (x) => tf.split(x, [3, 2], 1)[1] },
  { kernel: "SplitV", name: "into one", shapes: [[2, 3]], compute: (x) => tf.split(x, 1, 1)[0] },
  { kernel: "Unpack", name: "of one", shapes: [[1, 3]], compute: (x) => tf.unstack(x)[0] },
  {
    kernel: "SplitV",
    name: "of which all parts are used",
    shapes: [[2, 4]],
    compute: (x) => tf.split(x, 2, 1).reduce((a, b) => a.mul(b)),
  },
  { kernel: "Tile", shapes: x23, compute: (x) => x.tile([2, 3]) },
  {
    kernel: "Tile",
    name: "along one axis",
    shapes: [[2, 1, 3]],
    compute: (x) => x.tile([1, 4, 1]),
  },
  {
    kernel: "Tile",
    name: "of five axes",
    shapes: [[1, 2, 1, 2, 1]],
    compute: (x) => x.tile([2, 1, 2, 1, 3]),
  },
  { kernel: "Transpose", shapes: [[2, 3, 2]], compute: (x) => x.transpose([2, 0, 1]) },
  { kernel: "Unpack", shapes: [[3, 2]], compute: (x) => tf.unstack(x)[1].mul(tf.unstack(x)[2]) },
  ...stridedSlices(),
];

function stridedSlices(): GradientCase[] {
  const cases: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    plain: (x) => x.stridedSlice([1, 0], [5, 4], [1, 1]),
    strides: (x) => x.stridedSlice([1, 0], [5, 4], [2, 3]),
    "strides to the end": (x) => x.stridedSlice([0, 1], [5, 4], [3, 2]),
    backwards: (x) => x.stridedSlice([4, 3], [0, -5], [-2, -1]),
    masks: (x) => tf.stridedSlice(x, [1, 1], [2, 2], [2, 1], 1, 2),
    "an axis less": (x) => tf.stridedSlice(x, [1, 1], [2, 4], [1, 2], 0, 0, 0, 0, 1),
    "an axis more": (x) => tf.stridedSlice(x, [0, 1], [1, 4], [1, 2], 0, 0, 0, 1),
    nothing: (x) => x.stridedSlice([1, 2], [1, 4], [2, 2]).sum().add(x.sum()),
  };
  return Object.entries(cases).map(([name, compute]) => ({
    kernel: "StridedSlice",
    name,
    shapes: [[5, 4]],
    compute,
  }));
}

const places = int([0, 1, 2, 0, 0, 1], [3, 2]);

const INDEXED: GradientCase[] = [
  {
    kernel: "Bincount",
    shapes: [[4]],
    compute: (w) => tf.bincount(int([1, 0, 1, 7]) as never, w as never, 3),
  },
  {
    kernel: "DenseBincount",
    shapes: [[4]],
    compute: (w) => tf.denseBincount(int([1, 0, 1, 7]) as never, w as never, 3),
  },
  {
    kernel: "DenseBincount",
    name: "of rows",
    shapes: x23,
    compute: (w) => tf.denseBincount(int([1, 0, 1, 7, 2, 2], [2, 3]) as never, w as never, 3),
  },
  { kernel: "GatherNd", shapes: [[3, 3]], compute: (x) => tf.gatherND(x, places) },
  {
    kernel: "GatherNd",
    name: "of rows",
    shapes: [[3, 2]],
    compute: (x) => tf.gatherND(x, int([2, 0, 2], [3, 1])),
  },
  { kernel: "GatherV2", shapes: [[4, 2]], compute: (x) => x.gather(int([3, 0, 3])) },
  {
    kernel: "GatherV2",
    name: "axis 1",
    shapes: [[2, 4, 2]],
    compute: (x) => x.gather(int([3, 0, 3]), 1),
  },
  {
    kernel: "GatherV2",
    name: "axis -1",
    shapes: [[2, 4]],
    compute: (x) => x.gather(int([3, 0, 3]), -1),
  },
  {
    kernel: "GatherV2",
    name: "by a matrix",
    shapes: [[2, 4, 2]],
    compute: (x) => x.gather(int([3, 0, 3, 1], [2, 2]), 1),
  },
  {
    kernel: "GatherV2",
    name: "in batches",
    shapes: [[2, 4, 2]],
    compute: (x) => x.gather(int([3, 0, 3, 1, 1, 2], [2, 3]), 1, 1),
  },
  {
    kernel: "GatherV2",
    name: "in batches, axis 2",
    shapes: [[2, 3, 4]],
    compute: (x) => x.gather(int([3, 0, 3, 1], [2, 2]), 2, 1),
  },
  {
    kernel: "ScatterNd",
    shapes: [[3]],
    compute: (x) => tf.scatterND(int([0, 1, 2, 0, 0, 1], [3, 2]), x, [3, 2]),
  },
  {
    kernel: "ScatterNd",
    name: "of rows",
    shapes: [[3, 2]],
    compute: (x) => tf.scatterND(int([2, 0, 2], [3, 1]), x, [4, 2]),
  },
  {
    kernel: "SparseFillEmptyRows",
    shapes: [[2], []],
    compute: (x, fill) =>
      tf.sparse.sparseFillEmptyRows(
        int([0, 1, 2, 0], [2, 2]) as never,
        x as never,
        int([4, 3]) as never,
        fill as never,
      )
        .outputValues,
  },
  ...(["Sum", "Mean"] as const).map((kind): GradientCase => ({
    kernel: `SparseSegment${kind}`,
    shapes: [[4, 2]],
    compute: (x) =>
      tf.sparse[`sparseSegment${kind}`](x, int([3, 0, 3]) as never, int([0, 0, 1]) as never),
  })),
  {
    kernel: "SparseToDense",
    shapes: [[2], []],
    compute: (x, fill) => tf.sparseToDense(int([3, 1]), x, [5], fill as tf.Scalar),
  },
  {
    kernel: "SparseToDense",
    name: "one value in a matrix",
    shapes: [[], []],
    compute: (x, fill) => tf.sparseToDense(int([0, 1, 2, 0], [2, 2]), x, [3, 2], fill as tf.Scalar),
  },
  {
    kernel: "TensorScatterUpdate",
    shapes: [[4, 2], [2, 2]],
    compute: (x, updates) => tf.tensorScatterUpdate(x, int([3, 0], [2, 1]), updates),
  },
  { kernel: "TopK", shapes: [[2, 5]], compute: (x) => tf.topk(x, 3).values },
  { kernel: "TopK", name: "as a sort", shapes: [[2, 5]], compute: (x) => tf.topk(x, 5).values },
  {
    kernel: "UnsortedSegmentSum",
    shapes: [[4, 2]],
    compute: (x) => tf.unsortedSegmentSum(x, int([2, 0, -1, 2]) as never, 4),
  },
];

const PRODUCTS: GradientCase[] = [
  ...[false, true].flatMap((a) =>
    [false, true].map((b): GradientCase => ({
      kernel: "BatchMatMul",
      name: `${a} ${b}`,
      shapes: [a ? [3, 2] : [2, 3], b ? [4, 3] : [3, 4]],
      compute: (x, y) => tf.matMul(x, y, a, b),
    }))
  ),
  {
    kernel: "BatchMatMul",
    name: "with two broadcasts",
    shapes: [[2, 1, 2, 3], [3, 3, 2]],
    compute: (x, y) => tf.matMul(x, y),
  },
  {
    kernel: "Einsum",
    shapes: [[2, 3, 2], [2, 2, 4]],
    compute: (x, y) => tf.einsum("bij,bjk->bik", x, y),
  },
  {
    kernel: "_FusedMatMul",
    shapes: [[2, 3], [3, 2], [2]],
    compute: (a, b, bias) =>
      tf.fused.matMul({ a: a as never, b: b as never, transposeA: false, transposeB: false, bias }),
  },
  {
    kernel: "Prelu",
    shapes: [[2, 3], [3]],
    compute: (x, alpha) => tf.prelu(x, alpha),
  },
];

type Pad = "same" | "valid" | number | [[0, 0], [number, number], [number, number], [0, 0]];

const CONVOLUTIONS: GradientCase[] = [
  ...([["same", 1, 1], ["valid", 2, 1], [1, 2, 1], ["same", 1, 2], ["valid", 1, 2], [
    [[0, 0], [1, 0], [0, 2], [0, 0]],
    1,
    2,
  ]] as [Pad, number, number][]).flatMap(([pad, stride, dilation]): GradientCase[] => [
    {
      kernel: "Conv2D",
      name: `${pad} ${stride} ${dilation}`,
      shapes: [[2, 5, 6, 2], [2, 3, 2, 3]],
      compute: (x, w) =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, "NHWC", dilation),
    },
    {
      kernel: "DepthwiseConv2dNative",
      name: `${pad} ${stride} ${dilation}`,
      shapes: [[2, 5, 6, 2], [2, 3, 2, 2]],
      compute: (x, w) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, "NHWC", dilation),
    },
  ]),
  ...([["same", 1, 1], ["valid", 2, 1], ["valid", 1, 2], ["same", 1, 2]] as [
    "same",
    number,
    number,
  ][])
    .map(([pad, stride, dilation]): GradientCase => ({
      kernel: "Conv3D",
      name: `${pad} ${stride} ${dilation}`,
      shapes: [[1, 3, 4, 3, 2], [2, 2, 2, 2, 2]],
      compute: (x, w) =>
        tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, stride, pad, "NDHWC", [
          dilation,
          dilation,
          dilation,
        ]),
    })),
  {
    kernel: "Conv2DBackpropInput",
    name: "as a transposed convolution",
    shapes: [[1, 3, 3, 2], [2, 2, 3, 2]],
    compute: (x, w) =>
      tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, [1, 6, 6, 3], 2, "same"),
  },
  {
    kernel: "Conv3DBackpropInputV2",
    name: "as a transposed convolution",
    shapes: [[1, 2, 2, 2, 2], [2, 2, 2, 1, 2]],
    compute: (x, w) =>
      tf.conv3dTranspose(x as tf.Tensor5D, w as tf.Tensor5D, [1, 4, 4, 4, 1], 2, "same"),
  },
  ...["linear", "relu", "relu6"].flatMap((activation): GradientCase[] => [
    {
      kernel: "FusedConv2D",
      name: activation,
      shapes: [[1, 4, 4, 2], [2, 2, 2, 2], [2]],
      compute: (x, filter, bias) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          bias,
          strides: 1,
          pad: "same",
          activation: activation as "relu",
        }),
    },
    {
      kernel: "FusedDepthwiseConv2D",
      name: activation,
      shapes: [[1, 4, 4, 2], [2, 2, 2, 1], [2]],
      compute: (x, filter, bias) =>
        tf.fused.depthwiseConv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          bias,
          strides: 1,
          pad: "same",
          activation: activation as "relu",
        }),
    },
  ]),
  {
    kernel: "FusedConv2D",
    name: "dilated",
    shapes: [[1, 5, 5, 2], [2, 2, 2, 2], [2]],
    compute: (x, filter, bias) =>
      tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter: filter as tf.Tensor4D,
        bias,
        strides: 1,
        pad: "same",
        dilations: 2,
      }),
  },
];

const POOLS: GradientCase[] = (["same", "valid"] as const).flatMap((pad) =>
  [[2, 2], [3, 2], [2, 1]].flatMap(([size, stride]): GradientCase[] => [
    {
      kernel: "AvgPool",
      name: `${pad} ${size} ${stride}`,
      shapes: [[1, 5, 4, 2]],
      compute: (x) => tf.avgPool(x as tf.Tensor4D, size, stride, pad),
    },
    {
      kernel: "MaxPool",
      name: `${pad} ${size} ${stride}`,
      shapes: [[1, 5, 4, 2]],
      compute: (x) => tf.maxPool(x as tf.Tensor4D, size, stride, pad),
    },
    {
      kernel: "MaxPoolWithArgmax",
      name: `${pad} ${size} ${stride}`,
      shapes: [[2, 3, 4, 2]],
      compute: (x) => tf.maxPoolWithArgmax(x as tf.Tensor4D, size, stride, pad, size === 3).result,
    },
    {
      kernel: "AvgPool3D",
      name: `${pad} ${size} ${stride}`,
      shapes: [[1, 3, 4, 3, 1]],
      compute: (x) => tf.avgPool3d(x as tf.Tensor5D, size, stride, pad),
    },
    {
      kernel: "MaxPool3D",
      name: `${pad} ${size} ${stride}`,
      shapes: [[1, 3, 4, 3, 1]],
      compute: (x) => tf.maxPool3d(x as tf.Tensor5D, size, stride, pad),
    },
  ])
);

const NORMALIZATION: GradientCase[] = [
  ...[[3], [2, 4, 3], [2, 1, 1]].map((shape): GradientCase => ({
    kernel: "FusedBatchNorm",
    name: `of [${shape}]`,
    shapes: [[2, 4, 3], shape, shape, shape, shape],
    compute: (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
      ),
    values: positive,
  })),
  ...["offset", "scale", "both"].map((missing): GradientCase => ({
    kernel: "FusedBatchNorm",
    name: `without ${missing}`,
    shapes: [[2, 4, 3], [3], [3], ...missing === "both" ? [] : [[3]]],
    compute: (x, mean, variance, other) =>
      tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        missing === "scale" ? other as tf.Tensor1D : undefined,
        missing === "offset" ? other as tf.Tensor1D : undefined,
      ),
    values: positive,
  })),
  {
    kernel: "LRN",
    shapes: [[1, 2, 1, 5]],
    compute: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 1, 1, 0.7, 0.6),
  },
];

const boxes = [0.1, 0.2, 0.83, 0.91, 0, 0, 1.4, 0.6];
const fillModes = ["constant", "reflect", "wrap", "nearest"] as const;

const IMAGES: GradientCase[] = [
  ...([[[5, 7], 2, 2], [[2, 3], 2, 2], [[1, 1], 2, 2], [[6, 4], 1, 7]] as const).flatMap(([
    size,
    batch,
    channels,
  ]) =>
    [[false, false], [true, false], [false, true]].flatMap(([align, half]): GradientCase[] => [
      {
        kernel: "ResizeBilinear",
        name: `${size} ${align} ${half}`,
        shapes: [[batch, 3, 4, channels]],
        compute: (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [...size], align, half),
      },
      {
        kernel: "ResizeNearestNeighbor",
        name: `${size} ${align} ${half}`,
        shapes: [[batch, 3, 4, channels]],
        compute: (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [...size], align, half),
      },
    ])
  ),
  ...(["bilinear", "nearest"] as const).map((method): GradientCase => ({
    kernel: "CropAndResize",
    name: method,
    shapes: [[2, 4, 5, 2]],
    compute: (x) =>
      tf.image.cropAndResize(
        x as tf.Tensor4D,
        tf.tensor2d(boxes, [2, 4]),
        int([1, 0]) as tf.Tensor1D,
        [3, 2],
        method,
        0.5,
      ),
  })),
  {
    kernel: "CropAndResize",
    name: "by the boxes",
    shapes: [[2, 4]],
    compute: (x) =>
      tf.image.cropAndResize(
        tf.tensor4d(mixed(40), [1, 4, 5, 2]),
        x.mul(0.01).add(tf.tensor2d(boxes, [2, 4]).mul(0.93)) as tf.Tensor2D,
        int([0, 0]) as tf.Tensor1D,
        [3, 2],
      ),
  },
  ...(["nearest", "bilinear"] as const).flatMap((interpolation) =>
    fillModes.map((fillMode): GradientCase => ({
      kernel: "Transform",
      name: `${interpolation} ${fillMode}`,
      shapes: [[2, 4, 5, 1]],
      compute: (x) =>
        tf.image.transform(
          x as tf.Tensor4D,
          tf.tensor2d([[0.9, 0.21, -1.3, -0.3, 1.1, 0.83, 0.01, 0.02]]),
          interpolation,
          fillMode,
          0.3,
          [5, 4],
        ),
    }))
  ),
  {
    kernel: "Transform",
    name: "by the transforms",
    shapes: [[1, 8]],
    compute: (x) =>
      tf.image.transform(
        tf.tensor4d(mixed(20), [1, 4, 5, 1]),
        x.mul(0.01).add(
          tf.tensor2d([[0.9, 0.21, -0.3, -0.3, 1.1, 0.83, 0.01, 0.02]]),
        ) as tf.Tensor2D,
        "bilinear",
      ),
  },
  {
    kernel: "RotateWithOffset",
    shapes: [[2, 4, 5, 2]],
    compute: (x) => tf.image.rotateWithOffset(x as tf.Tensor4D, 0.4, 0.3),
  },
  ...(["same", "valid"] as const).map((pad): GradientCase => ({
    kernel: "Dilation2D",
    name: pad,
    shapes: [[1, 4, 5, 2], [2, 2, 2]],
    compute: (x, w) => tf.dilation2d(x as tf.Tensor4D, w.mul(0.004) as tf.Tensor3D, 1, pad, 2),
  })),
];

/** Complex numbers between floats. */
const COMPLEX: GradientCase[] = Object.entries<(re: tf.Tensor, im: tf.Tensor) => tf.Tensor>({
  Complex: (re, im) => tf.real(tf.complex(re, im)).mul(re),
  ComplexAbs: (re, im) => tf.abs(tf.complex(re, im)),
  FFT: (re, im) => tf.abs(tf.fft(tf.complex(re, im))),
  IFFT: (re, im) => tf.abs(tf.ifft(tf.complex(re, im))),
  Imag: (re, im) => tf.imag(tf.fft(tf.complex(re, im))),
  Real: (re, im) => tf.real(tf.fft(tf.complex(re, im))),
  // A number that is used several times, and products of complex numbers.
  Multiply: (re, im) => {
    const z = tf.complex(re, im), y = tf.fft(z);
    return tf.real(tf.mul(tf.add(y, z), tf.sub(z, tf.mul(y, tf.complex(0.5, 0.2)))));
  },
  Reshape: (re, im) => tf.real(tf.fft(tf.reshape(tf.complex(re, im), [1, 6]))),
}).map(([kernel, compute]) => ({
  kernel,
  name: "of complex numbers",
  shapes: [[2, 3], [2, 3]],
  compute,
}));

/** Functions of tfjs with a gradient of their own, or whose gradient is not that of their parts. */
const FUNCTIONS: GradientCase[] = Object.entries<(x: tf.Tensor) => tf.Tensor>({
  logSigmoid: tf.logSigmoid,
  logSoftmax: (x) => tf.logSoftmax(x.mul(3)),
  logSumExp: (x) => tf.logSumExp(x.mul(3), 1),
  norm: (x) => tf.norm(x, 2, 1),
  euclideanNorm: (x) => x.euclideanNorm(1),
  divNoNan: (x) => tf.divNoNan(x, x.square().add(0.5)),
  moments: (x) => tf.moments(x, 1).variance,
  softmaxCrossEntropy: (x) => tf.losses.softmaxCrossEntropy(tf.oneHot(int([0, 2]), 3), x),
  sigmoidCrossEntropy: (x) => tf.losses.sigmoidCrossEntropy(tf.oneHot(int([0, 2]), 3), x),
  swish: (x) => x.mul(x.sigmoid()),
  matMul: (x) => tf.matMul(x, x, true),
  rfft: (x) => tf.abs(tf.spectral.rfft(x)),
  irfft: (x) => tf.spectral.irfft(tf.complex(x, x.square())),
  stft: (x) => tf.abs(tf.signal.stft(x.flatten() as tf.Tensor1D, 4, 2)),
}).map(([name, compute]) => ({ kernel: "", name, shapes: x23, compute }));

/** Every differentiable kernel of tfjs, at least once. */
export const GRADIENT_CASES: GradientCase[] = [
  ...[UNARY, CONDITIONS, BINARY, REDUCTIONS, SCANS, MOVEMENT, INDEXED, PRODUCTS].flat(),
  ...[CONVOLUTIONS, POOLS, NORMALIZATION, IMAGES, COMPLEX, FUNCTIONS].flat(),
];
