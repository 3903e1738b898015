import { tf } from "../deps/tfjs.ts";
import { registerArithmetic } from "./gradients/arithmetic.ts";
import { registerAxes } from "./gradients/axes.ts";
import { type Attributes, type Engine, engineOf } from "./gradients/engine.ts";
import { registerConvolutions, registerPools } from "./gradients/convolutions.ts";
import { registerGather } from "./gradients/gather.ts";
import { registerImages } from "./gradients/images.ts";
import { registerNormalization } from "./gradients/normalization.ts";
import { fixTape } from "./gradients/tape.ts";
import { registerUnary } from "./gradients/unary.ts";

/** Repairs tfjs's core: gradients, fused operations in training, paddings, sums, and optimizers. */
export function fixCore(): void {
  registerGradients();
  fixFused();
  fixKernelCalls();
  fixCrossEntropy();
  fixOptimizers();
}

type MatMul = typeof tf.fused.matMul;
type Conv2D = typeof tf.fused.conv2d;
type DepthwiseConv2D = typeof tf.fused.depthwiseConv2d;

/** Options of a fused operation for the steps after its product. */
interface Finish {
  bias?: tf.Tensor | tf.TensorLike;
  activation?: string | null;
  preluActivationWeights?: tf.Tensor;
  leakyreluAlpha?: number;
  dataFormat?: "NHWC" | "NCHW";
}

/**
 * Makes `tf.fused` run its parts one by one while a gradient is taken.
 *
 * tfjs does so for some activations only. For the others, its gradient refuses dilations and
 * channels that come first, and cannot be differentiated itself.
 *
 * A bundler for browsers binds the layers to tfjs's own functions: those stay as they are.
 */
function fixFused(): void {
  const fused = tf.fused as { matMul: MatMul; conv2d: Conv2D; depthwiseConv2d: DepthwiseConv2D };
  if (!Object.getOwnPropertyDescriptor(fused, "matMul")?.writable) return;
  const { matMul, conv2d, depthwiseConv2d } = fused;
  fused.matMul = function fusedMatMul(call) {
    const { a, b, transposeA, transposeB } = call;
    // tfjs loses the shapes of batches before it multiplies them.
    const [batchA, batchB] = [a, b].map((x) => x instanceof tf.Tensor ? x.shape.slice(0, -2) : []);
    const isEven = batchA.join() === batchB.join();
    if (isEven && !isRecorded()) return matMul(call);
    return finish(tf.matMul(a, b, transposeA, transposeB), call);
  };
  fused.conv2d = function fusedConv2d(call) {
    if (!isRecorded()) return conv2d(call);
    const { x, filter, strides, pad, dataFormat, dilations, dimRoundingMode } = call;
    return finish(tf.conv2d(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode), call);
  };
  fused.depthwiseConv2d = function fusedDepthwiseConv2d(call) {
    if (!isRecorded()) return depthwiseConv2d(call);
    const { x, filter, strides, pad, dataFormat, dilations, dimRoundingMode } = call;
    return finish(
      tf.depthwiseConv2d(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode),
      call,
    );
  };
}

function isRecorded(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/** Adds the bias, and applies the activation. */
function finish<T extends tf.Tensor>(product: T, call: Finish): T {
  const { bias, preluActivationWeights: alpha, leakyreluAlpha } = call;
  // The layers pass null for no activation.
  const activation = call.activation || "linear";
  const perChannel = (x: tf.Tensor): tf.Tensor =>
    call.dataFormat === "NCHW" && x.rank === 1 ? x.reshape([-1, 1, 1]) : x;
  const y: tf.Tensor = bias == null
    ? product
    : product.add(perChannel(bias instanceof tf.Tensor ? bias : tf.tensor(bias)));
  const activations: Record<string, () => tf.Tensor> = {
    linear: () => y,
    relu: () => y.relu(),
    relu6: () => y.relu6(),
    elu: () => y.elu(),
    sigmoid: () => y.sigmoid(),
    leakyrelu: () => tf.leakyRelu(y, leakyreluAlpha),
    prelu: () => y.prelu(perChannel(alpha!)),
  };
  if (!(activation in activations)) throw new Error(`Unknown fused activation ${activation}.`);
  return activations[activation]() as T;
}

/** Kernels with a window of two dimensions. */
const KERNELS = new Set([
  ...["Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "FusedConv2D", "TrainchartConv2D"],
  ...["DepthwiseConv2dNative", "FusedDepthwiseConv2D"],
  ...["DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter"],
  ...["AvgPool", "AvgPoolGrad", "MaxPool", "MaxPoolGrad", "MaxPoolWithArgmax"],
]);

/**
 * Changes calls of kernels.
 *
 * Paddings: tfjs computes both sizes of the results from the height and vertical stride of the
 * filter, and pads sequences above and below. With explicit paddings it makes neither mistake.
 *
 * Logarithms of sums of exponentials: tfjs subtracts a maximum that is infinite, which makes NaN.
 *
 * Choices: tfjs does not broadcast one element to none.
 *
 * Integers and booleans: tfjs rounds smooth functions of them, cuts the fractions of floats off that
 * it concatenates with them, and makes sums and differences of booleans bytes.
 */
function fixKernelCalls(): void {
  const engine = engineOf();
  const { runKernel } = engine;
  engine.runKernel = function (name, inputs, attributes) {
    const { state } = engine;
    const isNumber = typeof attributes?.pad === "number" && attributes.pad > 0;
    if (isNumber && KERNELS.has(name)) attributes = withExplicitPadding(state, attributes);
    if (name === "Select") inputs = withOneShape(inputs);
    if (name === "Concat") inputs = withOneDtype(inputs);
    if (SMOOTH.has(name)) inputs = withoutIntegers(inputs);
    if (COUNTING.has(name)) inputs = withoutBools(inputs);
    const isShift = name === "Max" && state.scopeStack.at(-2)?.name === "logSumExp__op";
    if (!isShift) return runKernel.call(engine, name, inputs, attributes);
    // The sum does not depend on what was subtracted: so its slope is no part of the tape.
    state.kernelDepth++;
    try {
      const max = runKernel.call(engine, name, inputs, attributes) as tf.Tensor;
      return tf.where(max.isFinite(), max, tf.zerosLike(max));
    } finally {
      state.kernelDepth--;
    }
  };
}

/** Kernels of functions whose values at integers are no integers, but of tfjs's dtype. */
const SMOOTH = new Set([
  ...[
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atan2",
    "Atanh",
    "Expm1",
    "FusedBatchNorm",
    "Log1p",
  ],
  ...["Reciprocal", "Selu", "Sinh", "Softplus"],
]);

/** Integers and booleans as floats. */
function withoutIntegers(inputs: tf.NamedTensorMap): tf.NamedTensorMap {
  return convert(inputs, ({ dtype }) => dtype === "int32" || dtype === "bool", "float32");
}

/** Kernels whose results, of booleans, are no booleans. */
const COUNTING = new Set(["Add", "BatchMatMul", "Neg", "Sub"]);

/** Booleans as integers. */
function withoutBools(inputs: tf.NamedTensorMap): tf.NamedTensorMap {
  return convert(inputs, ({ dtype }) => dtype === "bool", "int32");
}

/** Converts some of the inputs. */
function convert(
  inputs: tf.NamedTensorMap,
  isMeant: (x: tf.Tensor) => boolean,
  dtype: tf.DataType,
): tf.NamedTensorMap {
  let result = inputs;
  for (const name in inputs) {
    if (inputs[name] && isMeant(inputs[name])) {
      result = { ...result, [name]: inputs[name].cast(dtype) };
    }
  }
  return result;
}

/** The inputs of a concatenation, a list, as floats or integers where their dtypes differ. */
function withOneDtype(inputs: tf.NamedTensorMap): tf.NamedTensorMap {
  const tensors = Object.values(inputs), dtypes = new Set(tensors.map(({ dtype }) => dtype));
  if (dtypes.size < 2 || dtypes.has("string") || dtypes.has("complex64")) return inputs;
  const dtype = dtypes.has("float32") ? "float32" : "int32";
  return tensors.map((x) => x.cast(dtype)) as unknown as tf.NamedTensorMap;
}

/** The inputs of a choice, of which some have one element where others have none. */
function withOneShape(inputs: tf.NamedTensorMap): tf.NamedTensorMap {
  const { condition, t, e } = inputs;
  if (condition.size === t.size && t.size === e.size) return inputs;
  const { assertAndGetBroadcastShape } = tf.broadcast_util;
  const shape = [t, e].reduce(
    (shape, x) => assertAndGetBroadcastShape(shape, x.shape),
    condition.shape,
  );
  const [a, b, c] = [condition, t, e].map((x) =>
    x.tile(shape.map((size, axis) => size === x.shape[axis] ? 1 : size))
  );
  return { condition: a, t: b, e: c };
}

/**
 * Makes `tf.losses.softmaxCrossEntropy` a sum of `tf.logSoftmax`, which takes the maximum off first.
 *
 * tfjs subtracts the logarithm of a sum from large logits, which leaves few digits; makes NaN of a
 * class that is masked by -Infinity; and takes the sum of the labels for 1 in its gradient.
 */
function fixCrossEntropy(): void {
  const engine = engineOf();
  const { customGrad } = engine;
  engine.customGrad = (f) => {
    const isLoss = engine.state.scopeStack.at(-1)?.name === "softmaxCrossEntropy__op";
    return isLoss ? crossEntropy : customGrad.call(engine, f);
  };
}

function crossEntropy(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  const logarithms = tf.logSoftmax(logits);
  const isMasked = logarithms.equal(-Infinity).logicalAnd(labels.equal(0));
  return tf.where(isMasked, 0, logarithms).mul(labels).sum(-1).neg();
}

function withExplicitPadding({ scopeStack }: Engine["state"], attributes: Attributes): Attributes {
  const { pad, dataFormat } = attributes;
  const isSequence = scopeStack.some(({ name }) => name === "conv1d__op");
  const both = [pad, pad], none = [0, 0];
  const spatial = [isSequence ? none : both, both];
  const padding = dataFormat === "NCHW" ? [none, none, ...spatial] : [none, ...spatial, none];
  return { ...attributes, pad: padding };
}

/** A variable of an optimizer, and the name under which it is saved. */
interface Slot {
  originalName: string;
  variable: tf.Variable;
}

/** The properties of `tf.train.rmsprop`, which are private for TypeScript. */
interface StockRmsprop {
  readonly learningRate: number;
  readonly decay: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly centered: boolean;
  readonly accumulatedMeanSquares: Slot[];
  readonly accumulatedMoments: Slot[];
  readonly accumulatedMeanGrads: Slot[];
  incrementIterations(): void;
}

type Gradients = tf.NamedTensorMap | { name: string; tensor: tf.Tensor | null }[];

/** The properties of `tf.train.momentum`, which are private for TypeScript. */
interface StockMomentum {
  momentum: number;
  /** The momentum as a tensor, with which an update computes. */
  m: tf.Scalar;
}

/** Repairs optimizers of `tf.train`. */
function fixOptimizers(): void {
  fixMomentum();
  fixRmsprop();
}

/** Makes `setMomentum()` of `tf.train.momentum` act on the next update. */
function fixMomentum(): void {
  tf.MomentumOptimizer.prototype.setMomentum = function (momentum) {
    const optimizer = this as unknown as StockMomentum;
    optimizer.momentum = momentum;
    optimizer.m.dispose();
    optimizer.m = tf.keep(tf.scalar(momentum));
  };
}

/**
 * Makes `tf.train.rmsprop` with `centered` add epsilon to the variance of the gradient.
 *
 * tfjs subtracts it, so that a gradient of zero makes the weight NaN.
 */
function fixRmsprop(): void {
  const { prototype } = tf.RMSPropOptimizer;
  const { applyGradients } = prototype;
  prototype.applyGradients = function (this: tf.Optimizer, gradients: Gradients): void {
    const optimizer = this as unknown as StockRmsprop;
    if (!optimizer.centered) return applyGradients.call(this as never, gradients as never);
    const entries = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    entries.forEach(({ name, tensor }, i) => update(optimizer, i, name, tensor));
    optimizer.incrementIterations();
  };
}

function update(
  optimizer: StockRmsprop,
  index: number,
  name: string,
  gradient: tf.Tensor | null,
): void {
  const { learningRate, decay, momentum, epsilon } = optimizer;
  const value = tf.engine().registeredVariables[name];
  const [square, moment, mean] = ([
    [optimizer.accumulatedMeanSquares, "rms"],
    [optimizer.accumulatedMoments, "momentum"],
    [optimizer.accumulatedMeanGrads, "mg"],
  ] as const).map(([slots, suffix]) => {
    slots[index] ??= {
      originalName: `${name}/${suffix}`,
      variable: tf.tidy(() => tf.zerosLike(value).variable(false)),
    };
    return slots[index].variable;
  });
  if (!gradient) return;
  tf.tidy(() => {
    const newSquare = square.mul(decay).add(gradient.square().mul(1 - decay));
    const newMean = mean.mul(decay).add(gradient.mul(1 - decay));
    // Rounding can make the variance of a constant gradient negative.
    const variance = newSquare.sub(newMean.square()).relu();
    const step = gradient.mul(learningRate).div(variance.add(epsilon).sqrt());
    const newMoment = moment.mul(momentum).add(step);
    square.assign(newSquare);
    mean.assign(newMean);
    moment.assign(newMoment);
    value.assign(value.sub(newMoment));
  });
}

/**
 * Completes and corrects the gradients of tfjs, on every backend: each differentiable operation has
 * one, which can be differentiated itself, and which is PyTorch's at kinks.
 */
function registerGradients(): void {
  registerUnary();
  registerArithmetic();
  registerAxes();
  registerGather();
  registerConvolutions();
  registerPools();
  registerNormalization();
  registerImages();
  fixTape();
}
