import { tf } from "../../mod.ts";

/** Makes an input of the dtype under test; `salt` chooses other values. */
export type MakeTensor = (shape: number[], salt?: number) => tf.Tensor;

/** One call of a kernel: its inputs, by name or in a list, and its attributes. */
export type Call = [inputs: Record<string, tf.Tensor> | tf.Tensor[], attributes?: object];

/** A call of a kernel for every dtype, and the name of the case. */
export type KernelCase = [kernel: string, name: string, call: (make: MakeTensor) => Call];

const indices = (values: number[], shape = [values.length]) => tf.tensor(values, shape, "int32");
const floats = (values: number[], shape = [values.length]) => tf.tensor(values, shape);

const shapes = [[], [0], [1], [7], [2, 3, 5], [0, 3], [4, 33]];

// deno-fmt-ignore
const unary = [
  "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Elu", "Erf",
  "Exp", "Expm1", "Floor", "Identity", "IsFinite", "IsInf", "IsNan", "Log", "Log1p", "LogicalNot",
  "Neg", "OnesLike", "Reciprocal", "Relu", "Relu6", "Round", "Rsqrt", "Selu", "Sigmoid", "Sign",
  "Sin", "Sinh", "Softplus", "Sqrt", "Square", "Step", "Tan", "Tanh", "ZerosLike",
].flatMap((kernel) => shapes.map((shape): KernelCase => [
  kernel, `[${shape}]`, (make) => [{ x: make(shape) }, { alpha: 0 }],
]));

const pairs = [
  [[], []],
  [[0], [0]],
  [[7], [7]],
  [[78], [78]],
  [[3, 7], [7]],
  [[7], [3, 7]],
  [[3, 1], [1, 5]],
  [[], [5]],
  [[2, 1, 3, 1], [4, 1, 5]],
  [[0, 3], [3]],
  [[2, 3, 1, 2, 1, 2], [1, 3, 2, 1, 2, 2]],
];

// deno-fmt-ignore
const binary = [
  "Add", "Atan2", "BitwiseAnd", "Equal", "FloorDiv", "Greater", "GreaterEqual", "Less", "LessEqual",
  "LogicalAnd", "LogicalOr", "LogicalXor", "Maximum", "Minimum", "Mod", "Multiply", "NotEqual", "Pow",
  "RealDiv", "SquaredDifference", "Sub",
].flatMap((kernel) => pairs.map(([a, b]): KernelCase => [
  kernel, `[${a}] [${b}]`, (make) => [{ a: make(a), b: make(b, 1) }],
]));

const reduced: [number[], number | number[]][] = [
  [[], []],
  [[0], 0],
  [[1], 0],
  [[7], 0],
  [[2, 3, 5], [0, 1, 2]],
  [[2, 3, 5], 0],
  [[2, 3, 5], 1],
  [[2, 3, 5], -1],
  [[2, 3, 5], [0, 2]],
  [[2, 3, 5], [1, 2]],
  [[3, 0, 2], 1],
  [[3, 0, 2], 0],
];

const reductions = ["Sum", "Mean", "Max", "Min", "Prod", "All", "Any"].flatMap((kernel) =>
  reduced.flatMap(([shape, axis]) =>
    [false, true].map((keepDims): KernelCase => [
      kernel,
      `[${shape}] along ${axis}${keepDims ? ", kept" : ""}`,
      (make) => [{ x: make(shape) }, { axis, reductionIndices: axis, keepDims }],
    ])
  )
);

const alongAxis = ["ArgMax", "ArgMin", "Cumsum", "Cumprod"].flatMap((kernel) =>
  [[[1], 0], [[7], 0], [[2, 3, 5], 0], [[2, 3, 5], 2], [[0, 5, 3], 1]].flatMap(([shape, axis]) =>
    [[false, false], [true, false], [false, true]].map(([exclusive, reverse]): KernelCase => [
      kernel,
      `[${shape}] along ${axis}, ${exclusive} ${reverse}`,
      (make) => [{ x: make(shape as number[]) }, { axis, exclusive, reverse }],
    ])
  )
);

/** A kernel of one input under some name, for several shapes and attributes. */
function calls(kernel: string, input: string, table: [number[], object][]): KernelCase[] {
  return table.map(([shape, attributes]) => [
    kernel,
    `[${shape}] ${JSON.stringify(attributes)}`,
    (make) => [{ [input]: make(shape) }, attributes],
  ]);
}

const masks = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
const strided = (begin: number[], end: number[], strides: number[]) => ({
  ...{ begin, end, strides },
  ...masks,
});

const moves: KernelCase[] = [
  ...["float32", "int32", "bool"].flatMap((dtype) =>
    calls("Cast", "x", [[[], { dtype }], [[26], { dtype }], [[0], { dtype }]])
  ),
  ...calls("Slice", "x", [
    [[7], { begin: [2], size: [3] }],
    [[4, 5], { begin: [1, 2], size: [2, 3] }],
    [[4, 3], { begin: [1, 0], size: [2, 3] }],
    [[2, 3, 4, 5], { begin: [0, 1, 1, 2], size: [2, 1, 3, 3] }],
    [[2, 2, 2, 3, 4], { begin: [0, 1, 0, 1, 1], size: [2, 1, 2, 2, 3] }],
    [[4], { begin: [4], size: [0] }],
    [[], { begin: [], size: [] }],
  ]),
  ...calls("StridedSlice", "x", [
    [[7], strided([1], [6], [2])],
    [[7], strided([6], [0], [-2])],
    [[4, 5], strided([0, 4], [4, 0], [2, -1])],
    [[3, 4, 5], strided([0, 0, 0], [3, 4, 5], [2, 3, 2])],
    [[4, 5], { ...strided([1, 0], [2, 5], [1, 2]), shrinkAxisMask: 1 }],
    [[4, 5], strided([3, 0], [1, 5], [1, 2])],
  ]),
  ...calls("SplitV", "x", [
    [[6], { numOrSizeSplits: 2, axis: 0 }],
    [[2, 6], { numOrSizeSplits: [2, 4], axis: 1 }],
    [[2, 0], { numOrSizeSplits: [0, 0], axis: 1 }],
  ]),
  ...calls("Unpack", "value", [
    [[3], { axis: 0 }],
    [[2, 3, 2], { axis: -1 }],
    [[2, 0], { axis: 0 }],
  ]),
  ...calls("Transpose", "x", [
    [[2, 3], { perm: [1, 0] }],
    [[2, 3, 4], { perm: [2, 0, 1] }],
    [[2, 3, 4, 5], { perm: [0, 3, 1, 2] }],
    [[2, 2, 3, 2, 2], { perm: [4, 2, 0, 1, 3] }],
    [[0, 3], { perm: [1, 0] }],
    [[0, 1, 3, 1, 4], { perm: [1, 0, 4, 3, 2] }],
  ]),
  ...calls("Reverse", "x", [
    [[7], { dims: [0] }],
    [[2, 3, 4], { dims: [0, 2] }],
    [[2, 2, 2, 2, 2], { dims: [1, 3] }],
    [[0], { dims: [0] }],
    [[], { dims: [] }],
  ]),
  ...calls("Tile", "x", [[[3], { reps: [2] }], [[2, 3, 2], { reps: [1, 2, 3] }], [[2], {
    reps: [0],
  }]]),
  ...calls("PadV2", "x", [
    [[3], { paddings: [[1, 2]], constantValue: 1 }],
    [[2, 3], { paddings: [[0, 1], [2, 0]], constantValue: 1 }],
    [[0], { paddings: [[1, 1]], constantValue: 1 }],
    [[3], { paddings: [[0, -1]], constantValue: 1 }],
  ]),
  ...["reflect", "symmetric"].flatMap((mode) =>
    calls("MirrorPad", "x", [
      [[3], { paddings: [[1, 2]], mode }],
      [[2, 2, 2], { paddings: [[1, 0], [0, 1], [1, 1]], mode }],
    ])
  ),
  ...calls("ExpandDims", "input", [[[2, 3], { dim: 1 }], [[0], { dim: 0 }]]),
  ...calls("Reshape", "x", [[[2, 3], { shape: [-1, 1] }], [[0], { shape: [0, 4] }]]),
  ...calls("Unique", "x", [[[7], { axis: [0] }], [[2, 5], { axis: [1] }]]),
  ...calls("Diag", "x", [[[5], {}], [[2, 3], {}]]),
  ...calls("DepthToSpace", "x", [[[1, 2, 2, 4], { blockSize: 2, dataFormat: "NHWC" }]]),
  ...calls("BatchToSpaceND", "x", [
    [[4, 2, 3, 2], { blockShape: [2, 2], crops: [[0, 1], [1, 0]] }],
  ]),
  ...calls("SpaceToBatchND", "x", [
    [[1, 4, 5, 2], { blockShape: [2, 2], paddings: [[0, 0], [1, 0]] }],
  ]),
  ...calls("FlipLeftRight", "image", [[[2, 1, 5, 3], {}]]),
  ...calls("TopK", "x", [
    [[7, 0], { k: 0, sorted: true }],
    [[7], { k: 2, sorted: true }],
    [[3, 33], { k: 5, sorted: true }],
  ]),
  ["Concat", "two axes", (make) => [[make([2, 3]), make([2, 4], 1)], { axis: 1 }]],
  ["Concat", "with nothing", (make) => [[make([2]), make([0]), make([3], 2)], { axis: 0 }]],
  ["Pack", "along 1", (make) => [[make([2]), make([2], 1), make([2], 2)], { axis: 1 }]],
  ["AddN", "three", (make) => [[make([2, 3]), make([2, 3], 1), make([2, 3], 2)]]],
  ["AddN", "nothing", (make) => [[make([0]), make([0])]]],
  ["ClipByValue", "", (make) => [{ x: make([33]) }, { clipValueMin: -2, clipValueMax: 3 }]],
  ["LeakyRelu", "", (make) => [{ x: make([33]) }, { alpha: 0.2 }]],
  ["Prelu", "", (make) => [{ x: make([3, 7]), alpha: make([7], 1) }]],
  ...[[7], [2, 3], [0]].map((shape): KernelCase => [
    "Select",
    `[${shape}]`,
    (make) => {
      const condition = tf.equal(make(shape, 2), make(shape));
      return [{ condition, t: make(shape), e: make(shape, 1) }];
    },
  ]),
  ["Select", "rows", (make) => {
    return [{ condition: tf.tensor1d([1, 0, 1], "bool"), t: make([3, 4]), e: make([3, 4], 1) }];
  }],
  ...([
    [[5], [3, 0, 3], [3], 0, 0],
    [[2, 5, 3], [4, 4, 0], [3], 1, 0],
    [[2, 4, 3], [1, 1, 0, 3, 0, 2], [2, 3], 1, 1],
    [[2, 2, 4], [1, 0], [2, 1], 2, 1],
    [[5], [], [0], 0, 0],
  ] as [number[], number[], number[], number, number][]).map(
    ([shape, at, atShape, axis, batchDims]): KernelCase => [
      "GatherV2",
      `[${shape}] by [${atShape}]`,
      (make) => [{ x: make(shape), indices: indices(at, atShape) }, { axis, batchDims }],
    ],
  ),
  ["GatherNd", "", (make) => [{ params: make([4, 3]), indices: indices([0, 1, 3, 2], [2, 2]) }]],
  ["GatherNd", "beyond", (make) => [{ params: make([4, 3]), indices: indices([9000], [1, 1]) }]],
  ...["float32", "int32", "bool"].map((dtype): KernelCase => [
    "OneHot",
    dtype,
    () => [{ indices: indices([0, 2, 5, -1, 1]) }, { depth: 4, onValue: 1, offValue: 0, dtype }],
  ]),
];

/** Places of updates, and the shapes of updates and result. */
const scattered: [number[], number[], number[]][] = [
  [[1, 3], [2], [5]],
  [[1, 1], [2, 3], [4, 3]],
  [[1, 9000], [2], [5]],
];

const scatters = scattered.flatMap(([at, updates, shape]): KernelCase[] => [
  ["ScatterNd", `at ${at}`, (make) => [
    { indices: indices(at, [2, 1]), updates: make(updates) },
    { shape },
  ]],
  ["TensorScatterUpdate", `at ${at}`, (make) => [
    { tensor: make(shape, 1), indices: indices(at, [2, 1]), updates: make(updates) },
  ]],
  ["SparseToDense", `at ${at}`, (make) => [
    {
      sparseIndices: indices(at, [2, 1]),
      sparseValues: make([2]),
      defaultValue: make([], 1),
    },
    { outputShape: shape },
  ]],
]);

const sums: KernelCase[] = [
  ...["SparseSegmentSum", "SparseSegmentMean"].map((kernel): KernelCase => [
    kernel,
    "",
    (make) => [{
      data: make([4, 3]),
      indices: indices([0, 2, 3, 1]),
      segmentIds: indices([0, 0, 1, 3]),
    }],
  ]),
  ["Bincount", "", (make) => [
    { x: indices([0, 1, 1, 3, 7]), weights: make([5]) },
    { size: 5 },
  ]],
  ["DenseBincount", "", (make) => [
    { x: indices([0, 1, 1, 3, 7, 2], [2, 3]), weights: make([0]) },
    { size: 5, binaryOutput: false },
  ]],
  ["UnsortedSegmentSum", "", (make) => [
    { x: make([3, 2]), segmentIds: indices([2, 0, 1]) },
    { numSegments: 3 },
  ]],
  ["Softmax", "", (make) => [{ logits: make([3, 7]) }, { dim: 1 }]],
  ["SearchSorted", "", (make) => {
    const sortedSequence = tf.tensor2d([[0, 1, 2], [1, 1, 2]]).cast(make([1]).dtype);
    return [{ sortedSequence, values: make([2, 4]) }, { side: "left" }];
  }],
  ["SparseFillEmptyRows", "", (make) => [{
    indices: indices([0, 0, 2, 1], [2, 2]),
    values: make([2]),
    denseShape: indices([4, 3]),
    defaultValue: make([], 1),
  }]],
  ["SparseReshape", "", () => [{
    inputIndices: indices([0, 0, 2, 1], [2, 2]),
    inputShape: indices([4, 3]),
    newShape: indices([2, -1]),
  }]],
];

const size = { size: [5, 7], alignCorners: false, halfPixelCenters: false };
const resizes = ["ResizeBilinear", "ResizeNearestNeighbor"].flatMap((kernel): KernelCase[] => [
  [kernel, "", (make) => [{ images: make([2, 3, 4, 2]) }, size]],
  [`${kernel}Grad`, "", (make) => [
    { images: make([2, 3, 4, 2]), dy: make([2, 5, 7, 2], 1) },
    size,
  ]],
]);

const window = { filterSize: 2, strides: 2, pad: "valid", dataFormat: "NDHWC" };
const convolution = { strides: 1, pad: "valid", dilations: 1, dataFormat: "NHWC" };
const first = { ...convolution, dataFormat: "NCHW" };
const lrn = { depthRadius: 2, bias: 1, alpha: 1, beta: 0.5 };

const images: KernelCase[] = [
  ...resizes,
  ["CropAndResize", "", (make) => [
    {
      image: make([2, 4, 5, 2]),
      boxes: floats([0, 0, 1, 1, 0.1, 0.2, 0.7, 0.9], [2, 4]),
      boxInd: indices([0, 1]),
    },
    { cropSize: [3, 4], method: "bilinear", extrapolationValue: 2 },
  ]],
  ["Transform", "", (make) => [
    { image: make([2, 4, 5, 2]), transforms: floats([1, 0.1, 0.5, 0.2, 1, -0.3, 0, 0], [1, 8]) },
    { interpolation: "bilinear", fillMode: "constant", fillValue: 2, outputShape: [3, 6] },
  ]],
  ["RotateWithOffset", "", (make) => [
    { image: make([1, 5, 4, 3]) },
    { radians: 0.5, fillValue: 1, center: [0.4, 0.5] },
  ]],
  ["LRN", "", (make) => [{ x: make([1, 2, 3, 7]) }, lrn]],
  ["LRNGrad", "", (make) => {
    const [x, y, dy] = [0, 1, 2].map((salt) => make([1, 2, 3, 7], salt));
    return [{ x, y, dy }, lrn];
  }],
  ["FusedBatchNorm", "", (make) => {
    const [mean, variance, offset, scale] = [1, 2, 3, 1].map((salt) => make([3], salt));
    return [{ x: make([4, 2, 2, 3]), mean, variance, offset, scale }, { varianceEpsilon: 1e-3 }];
  }],
  ["EluGrad", "", (make) => [{ dy: make([7]), y: make([7], 1) }]],
  ...["MaxPool", "AvgPool"].flatMap((kernel): KernelCase[] => [
    [kernel, "", (make) => [{ x: make([2, 5, 7, 5]) }, window]],
    [`${kernel}3D`, "", (make) => [{ x: make([1, 4, 6, 3, 5]) }, window]],
    [`${kernel}Grad`, "", (make) => [
      { dy: make([1, 2, 3, 5]), input: make([1, 4, 6, 5], 1), output: make([1, 2, 3, 5], 1) },
      window,
    ]],
    [`${kernel}3DGrad`, "", (make) => [
      { dy: make([1, 1, 2, 2, 2]), input: make([1, 3, 5, 5, 2], 1), output: make([1, 1, 2, 2, 2]) },
      window,
    ]],
  ]),
  ["MaxPoolWithArgmax", "", (make) => [
    { x: make([2, 4, 5, 3]) },
    { filterSize: [2, 2], strides: [2, 2], pad: "same", includeBatchInIndex: true },
  ]],
  ["MaxPoolWithArgmax", "of each image", (make) => [
    { x: make([2, 5, 7, 1]) },
    { filterSize: [3, 2], strides: [1, 2], pad: "valid", includeBatchInIndex: false },
  ]],
  ["Conv2D", "", (make) => [{ x: make([2, 4, 4, 3]), filter: make([2, 2, 3, 5], 1) }, convolution]],
  ["Conv2D", "NCHW", (make) => [{ x: make([2, 3, 4, 4]), filter: make([2, 2, 3, 5], 1) }, first]],
  ["Conv2DBackpropInput", "", (make) => [
    { dy: make([1, 3, 3, 2]), filter: make([2, 2, 3, 2], 1) },
    { ...convolution, inputShape: [1, 4, 4, 3] },
  ]],
  ["Conv2DBackpropInput", "NCHW", (make) => [
    { dy: make([1, 2, 3, 3]), filter: make([2, 2, 3, 2], 1) },
    { ...first, inputShape: [1, 3, 4, 4] },
  ]],
  ["Conv2DBackpropFilter", "", (make) => [
    { dy: make([1, 3, 3, 2]), x: make([1, 4, 4, 3], 1) },
    { ...convolution, filterShape: [2, 2, 3, 2] },
  ]],
  ["Conv2DBackpropFilter", "NCHW", (make) => [
    { dy: make([1, 2, 3, 3]), x: make([1, 3, 4, 4], 1) },
    { ...first, filterShape: [2, 2, 3, 2] },
  ]],
  ["FusedConv2D", "", (make) => [
    { x: make([2, 4, 4, 3]), filter: make([2, 2, 3, 5], 1), bias: make([5], 2) },
    { ...convolution, activation: "relu" },
  ]],
  ["DepthwiseConv2dNative", "", (make) => [
    { x: make([2, 4, 4, 3]), filter: make([2, 2, 3, 2], 1) },
    convolution,
  ]],
  ["FusedDepthwiseConv2D", "", (make) => [
    { x: make([2, 4, 4, 3]), filter: make([2, 2, 3, 2], 1), bias: make([6], 2) },
    { ...convolution, activation: "relu6" },
  ]],
  ["DepthwiseConv2dNativeBackpropInput", "", (make) => [
    { dy: make([1, 3, 3, 6]), filter: make([2, 2, 3, 2], 1) },
    { ...convolution, inputShape: [1, 4, 4, 3] },
  ]],
  ["DepthwiseConv2dNativeBackpropFilter", "", (make) => [
    { dy: make([1, 3, 3, 6]), x: make([1, 4, 4, 3], 1) },
    { ...convolution, filterShape: [2, 2, 3, 2] },
  ]],
  ["Conv3D", "", (make) => [
    { x: make([1, 3, 4, 4, 2]), filter: make([2, 2, 2, 2, 3], 1) },
    { ...convolution, dataFormat: "NDHWC" },
  ]],
  ["Conv3DBackpropInputV2", "", (make) => [
    { dy: make([1, 2, 3, 3, 2]), filter: make([2, 2, 2, 1, 2], 1) },
    { ...convolution, inputShape: [1, 3, 4, 4, 1] },
  ]],
  ["Conv3DBackpropFilterV2", "", (make) => [
    { dy: make([1, 2, 3, 3, 2]), x: make([1, 3, 4, 4, 1], 1) },
    { ...convolution, filterShape: [2, 2, 2, 1, 2] },
  ]],
  ["Dilation2D", "", (make) => [
    { x: make([1, 4, 4, 2]), filter: make([2, 2, 2], 1) },
    convolution,
  ]],
  ...["Filter", "Input"].map((kind): KernelCase => [
    `Dilation2DBackprop${kind}`,
    "",
    (make) => [
      { x: make([1, 4, 4, 1]), filter: make([2, 2, 1], 1), dy: make([1, 3, 3, 1], 2) },
      convolution,
    ],
  ]),
];

const products: KernelCase[] = [
  ...([
    [[2, 3, 4], [2, 4, 5], false, false],
    [[1, 4, 3], [1, 2, 4], true, true],
    [[1, 0, 3], [1, 3, 2], false, false],
    [[1, 2, 0], [1, 0, 2], false, false],
  ] as [number[], number[], boolean, boolean][]).map(
    ([a, b, transposeA, transposeB]): KernelCase => [
      "BatchMatMul",
      `[${a}] [${b}] ${transposeA} ${transposeB}`,
      (make) => [{ a: make(a), b: make(b, 1) }, { transposeA, transposeB }],
    ],
  ),
  ...["linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu"].map((activation): KernelCase => [
    "_FusedMatMul",
    activation,
    (make) => [
      { a: make([1, 3, 4]), b: make([1, 4, 5], 1), bias: make([5], 2) },
      { transposeA: false, transposeB: false, activation, leakyreluAlpha: 0.3 },
    ],
  ]),
  ["Einsum", "", (make) => [[make([2, 3]), make([3, 4], 1)], { equation: "ij,jk->ki" }]],
];

const texts = (...values: string[]) => tf.tensor1d(values, "string");

/** Kernels that make tensors, of texts, or of complex numbers: the dtype under test is ignored. */
const others: KernelCase[] = [
  ...["float32", "int32", "bool"].flatMap((dtype): KernelCase[] => [
    ["Fill", dtype, () => [{}, { shape: [2, 3], value: 1, dtype }]],
    ["Range", dtype, () => [{}, { start: 0, stop: 5, step: 2, dtype }]],
  ]),
  ["Fill", "string", () => [{}, { shape: [2], value: "é", dtype: "string" }]],
  ["LinSpace", "", () => [{}, { start: 0, stop: 1, num: 7 }]],
  ["BroadcastArgs", "", () => [{ s0: indices([2, 1, 3]), s1: indices([4, 1]) }]],
  ...["V3", "V4", "V5"].map((version): KernelCase => [
    `NonMaxSuppression${version}`,
    "",
    () => [
      {
        boxes: floats([0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 10, 1, 11], [3, 4]),
        scores: floats([0.9, 0.75, 0.95]),
      },
      {
        ...{ maxOutputSize: 3, iouThreshold: 0.5, scoreThreshold: 0 },
        ...{ padToMaxOutputSize: true, softNmsSigma: 0 },
      },
    ],
  ]),
  ["StringNGrams", "", () => [
    { data: texts("a", "b", "c"), dataSplits: indices([0, 3]) },
    {
      ...{ separator: "|", nGramWidths: [2], leftPad: "L", rightPad: "R", padWidth: 1 },
      preserveShortSequences: true,
    },
  ]],
  ["StringSplit", "", () => [{ input: texts("a b", "c"), delimiter: tf.scalar(" ") }, {
    skipEmpty: true,
  }]],
  ["StringToHashBucketFast", "", () => [{ input: texts("a b", "é") }, { numBuckets: 7 }]],
  ["StaticRegexReplace", "", () => [{ x: texts("aa", "é") }, {
    ...{ pattern: "a", rewrite: "z", replaceGlobal: true },
  }]],
  ...[[7], [2, 3], [0], []].flatMap((shape): KernelCase[] => {
    const values = (start: number) =>
      floats(Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => start - i), shape);
    const complex = () => tf.complex(values(3), values(5));
    return [
      ["Complex", `[${shape}]`, () => [{ real: values(3), imag: values(5) }]],
      ["Real", `[${shape}]`, () => [{ input: complex() }]],
      ["Imag", `[${shape}]`, () => [{ input: complex() }]],
      ["ComplexAbs", `[${shape}]`, () => [{ x: complex() }]],
      ["Add", `complex [${shape}]`, () => [{ a: complex(), b: complex() }]],
    ];
  }),
  ...["FFT", "IFFT"].map((kernel): KernelCase => [
    kernel,
    "",
    () => [{ input: tf.complex(floats([1, 2, 3, 4, 5, 6], [2, 3]), tf.ones([2, 3])) }],
  ]),
  [
    "RaggedRange",
    "",
    () => [{ starts: indices([0, 5]), limits: indices([3, 9]), deltas: indices([1, 2]) }],
  ],
];

/** Calls of every kernel that computes the same each time. */
export const kernelCases: KernelCase[] = [
  ...unary,
  ...binary,
  ...reductions,
  ...alongAxis,
  ...moves,
  ...scatters,
  ...sums,
  ...images,
  ...products,
  ...others,
];
