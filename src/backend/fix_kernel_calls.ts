import { tf } from "../deps/tfjs.ts";
import { type Attributes, type Engine, engineOf } from "./gradients/engine.ts";
import { unrecorded } from "./gradients/gradient.ts";
import { elementLosses } from "./gradients/unary.ts";

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
 * No elements: tfjs's mean of them is 0, not NaN, their extreme NaN, and its place 0.
 *
 * Integers and booleans: tfjs rounds smooth functions of them, cuts the fractions of floats off that
 * it concatenates with them, and makes sums and differences of booleans bytes.
 */
export function fixKernelCalls(): void {
  const engine = engineOf();
  fixCrossEntropy(engine);
  const { runKernel } = engine;
  engine.runKernel = function (name, inputs, attributes) {
    const { state } = engine;
    const isNumber = typeof attributes?.pad === "number" && attributes.pad >= 0;
    if (isNumber && KERNELS.has(name)) attributes = withExplicitPadding(state, attributes);
    if (name === "Select") inputs = withOneShape(inputs);
    if (name === "Concat") inputs = withOneDtype(inputs);
    if (SMOOTH.has(name)) inputs = withoutIntegers(inputs);
    if (COUNTING.has(name)) inputs = withoutBools(inputs);
    if (name === "Mean" && inputs.x.size === 0) return meanOfNone(inputs.x, attributes!);
    const isShift = name === "Max" && state.scopeStack.at(-2)?.name === "logSumExp__op";
    if (EXTREMES.has(name) && !isShift) checkElements(name, inputs.x, attributes!);
    if (!isShift) return runKernel.call(engine, name, inputs, attributes);
    // The sum does not depend on what was subtracted: so its gradient is no part of the tape.
    return unrecorded(() => {
      const max = runKernel.call(engine, name, inputs, attributes) as tf.Tensor;
      return tf.where(max.isFinite(), max, tf.zerosLike(max));
    });
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

/** Kernels of extremes and of their places. */
const EXTREMES = new Set(["ArgMax", "ArgMin", "Max", "Min"]);

/** @throws {RangeError} If an extreme, or a place, is one of no elements, as in PyTorch. */
function checkElements(name: string, x: tf.Tensor, attributes: Attributes): void {
  if (x.size > 0) return;
  const axis = attributes.axis ?? attributes.reductionIndices;
  const axes = tf.util.parseAxisParam(axis, x.shape);
  const isEmpty = x.shape.some((size, i) => size === 0 && !axes.includes(i));
  if (isEmpty || axes.length === 0) return;
  throw new RangeError(
    `Cannot take ${name} as the axes ${axes} must have elements: current shape is [${x.shape}]`,
  );
}

/** The means of no elements: NaN, as in PyTorch. */
function meanOfNone(x: tf.Tensor, { axis, keepDims }: Attributes): tf.Tensor {
  return tf.div(tf.sum(x.toFloat(), axis, keepDims), tf.scalar(0));
}

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
function fixCrossEntropy(engine: Engine): void {
  const { customGrad } = engine;
  engine.customGrad = (f) => {
    const isLoss = engine.state.scopeStack.at(-1)?.name === "softmaxCrossEntropy__op";
    return isLoss ? crossEntropy : customGrad.call(engine, f);
  };
}

function crossEntropy(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  const logarithms = tf.logSoftmax(logits);
  const ours = elementLosses("CROSS_TERM", logarithms, labels);
  if (ours) return ours.sum(-1);
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
