/**
 * Computes what tfjs makes of several kernels as one operation, if the backend has our kernels.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { runInPlace } from "../tensors/tensor_memory.ts";
import { convolutionGradients } from "./gradients/convolutions.ts";
import { engineOf } from "./gradients/engine.ts";
import { hasKernel, run, runAll } from "./gradients/gradient.ts";
import { openWhere } from "./gradients/unary.ts";

type MatMul = typeof tf.fused.matMul;
type Conv2D = typeof tf.fused.conv2d;

/** The activations that our kernels apply, and whose gradients they compute. */
const FUSED_ACTIVATIONS = ["linear", "relu", "relu6"];

let isFused = false;

/** Fuses layers, `tf.logSoftmax` and `tf.train.adam`. A second call does nothing. */
export function fuseCore(): void {
  if (isFused) return;
  isFused = true;
  fuseLayers();
  fuseLogSoftmax();
  fuseAdam();
}

/** Whether a fused call is part of a gradient, and our kernels compute it. */
function isOurs(
  kernelName: string,
  { bias, activation = "linear" }: { bias?: tf.Tensor | tf.TensorLike; activation?: string },
  x: unknown,
  weights: unknown,
  rank: number,
): boolean {
  return tf.engine().state.gradientDepth > 0 && hasKernel(kernelName) &&
    FUSED_ACTIVATIONS.includes(activation) &&
    isFloat(x, rank) && isFloat(weights, rank) && isFloat(bias, 1) &&
    bias.shape[0] === weights.shape[rank - 1];
}

function isFloat(x: unknown, rank: number): x is tf.Tensor {
  return x instanceof tf.Tensor && x.dtype === "float32" && x.rank === rank;
}

/**
 * Makes a layer one operation: product or convolution, bias and activation, one gradient. tfjs's
 * layers call `tf.fused`, which fuses in predictions but not in training.
 *
 * A bundler for browsers binds the layers to tfjs's own functions: there, layers compute the same
 * in three operations.
 */
function fuseLayers(): void {
  const fused = tf.fused as { matMul: MatMul; conv2d: Conv2D };
  if (!Object.getOwnPropertyDescriptor(fused, "matMul")?.writable) return;
  registerGradients();
  const { matMul, conv2d } = fused;
  fused.matMul = function fusedMatMul(call) {
    const { a, b, bias, transposeA, transposeB, activation = "linear" } = call;
    const ours = !transposeA && !transposeB && isOurs("TrainchartDense", call, a, b, 2);
    if (!ours) return matMul(call);
    return run("TrainchartDense", { a, b, bias } as tf.NamedTensorMap, { activation });
  };
  fused.conv2d = function fusedConv2d<T extends tf.Tensor3D | tf.Tensor4D>(
    call: Parameters<typeof conv2d<T>>[0],
  ): T {
    const { x, filter, bias, strides, pad, dataFormat = "NHWC", dilations = 1 } = call;
    const ours = dataFormat === "NHWC" && isOurs("TrainchartConv2D", call, x, filter, 4);
    if (!ours) return conv2d(call);
    const { dimRoundingMode, activation = "linear" } = call;
    checkConvolution(x as tf.Tensor, filter as tf.Tensor, call);
    const attributes = { strides, pad, dataFormat, dilations, dimRoundingMode, activation };
    return run("TrainchartConv2D", { x, filter, bias } as tf.NamedTensorMap, attributes) as T;
  };
}

/** Makes the checks of `tf.conv2d`, which a fused convolution leaves out. */
function checkConvolution(
  x: tf.Tensor,
  filter: tf.Tensor,
  { strides, dilations = 1, pad, dimRoundingMode }: Parameters<Conv2D>[0],
): void {
  const { backend_util } = tf;
  backend_util.checkPadOnDimRoundingMode("conv2d", pad, dimRoundingMode);
  tf.util.assert(
    x.shape[3] === filter.shape[2],
    () =>
      `Error in conv2d: depth of input (${x.shape[3]}) must match input depth for filter ` +
      `${filter.shape[2]}.`,
  );
  tf.util.assert(
    backend_util.eitherStridesOrDilationsAreOne(strides, dilations),
    () =>
      "Error in conv2D: Either strides or dilations must be 1. " +
      `Got strides ${strides} and dilations '${dilations}'`,
  );
}

/** The gradients of the activation's input and of the bias. */
function beforeActivation(dy: tf.Tensor, y: tf.Tensor, activation: string): tf.Tensor[] {
  if (activation === "linear") return [dy, dy.sum(dy.shape.slice(1).map((_, axis) => axis))];
  return runAll("TrainchartActivationAndBiasGradient", { dy, y }, { activation });
}

function registerGradients(): void {
  tf.registerGradient({
    kernelName: "TrainchartDense",
    inputsToSave: ["a", "b"],
    outputsToSave: [true],
    gradFunc: (dy, [a, b, y], attributes) => {
      const activation = attributes.activation as string;
      const [dz, bias] = beforeActivation(dy as tf.Tensor, y, activation);
      return {
        a: () => tf.matMul(dz, b, false, true),
        b: () => tf.matMul(a, dz, true, false),
        bias: () => bias,
      };
    },
  });
  tf.registerGradient({
    kernelName: "TrainchartConv2D",
    inputsToSave: ["x", "filter"],
    outputsToSave: [true],
    gradFunc: (dy, [x, filter, y], attributes) => {
      const { activation, ...shared } = attributes;
      const [dz, bias] = beforeActivation(dy as tf.Tensor, y, activation as string);
      return { ...convolutionGradients(dz, x, filter, shared), bias: () => bias };
    },
  });
  tf.registerGradient({
    kernelName: "TrainchartActivationAndBiasGradient",
    inputsToSave: ["y"],
    gradFunc: (dys, [y], attributes) => {
      const [ddz, dbias] = dys as tf.Tensor[];
      return {
        dy: () => openWhere(ddz.add(dbias), y, attributes.activation as string),
        y: () => tf.zerosLike(y),
      };
    },
  });
}

/** Makes `tf.logSoftmax` one operation. tfjs computes it within `tf.customGrad`, by seven kernels. */
function fuseLogSoftmax(): void {
  const engine = engineOf();
  const { customGrad } = engine;
  engine.customGrad = (f) => {
    const custom = customGrad(f);
    if (engine.state.scopeStack.at(-1)?.name !== "logSoftmax__op") return custom;
    return (logits: tf.Tensor) => {
      const isOurs = logits.dtype === "float32" && logits.rank > 0 &&
        hasKernel("TrainchartLogSoftmax");
      return isOurs ? run("TrainchartLogSoftmax", { logits }) : custom(logits);
    };
  };
}

/** The state of `tf.train.adam`; moments are listed in the order of the gradients. */
interface StockAdam {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly accBeta1: tf.Variable;
  readonly accBeta2: tf.Variable;
  readonly accumulatedFirstMoment: { originalName: string; variable: tf.Variable }[];
  readonly accumulatedSecondMoment: { originalName: string; variable: tf.Variable }[];
  incrementIterations(): void;
}

type Gradients = tf.NamedTensorMap | { name: string; tensor: tf.Tensor }[];

/**
 * Makes `tf.train.adam` update a weight in one pass instead of ten. Its state stays where it was, so
 * that saving and loading work as before.
 */
function fuseAdam(): void {
  const { prototype } = tf.AdamOptimizer;
  const { applyGradients } = prototype;
  prototype.applyGradients = function (this: tf.Optimizer, gradients: Gradients): void {
    const entries = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    const ours = tf.getKernel("TrainchartAdam", tf.getBackend()) !== undefined &&
      entries.every(({ tensor }) => !tensor || tensor.dtype === "float32");
    if (ours) update(this as unknown as StockAdam, entries);
    else applyGradients.call(this as never, gradients as never);
  };
}

function update(adam: StockAdam, gradients: { name: string; tensor: tf.Tensor | null }[]): void {
  const { learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 } = adam;
  const [correction1, correction2] = [accBeta1, accBeta2].map((power) => 1 - power.dataSync()[0]);
  const numbers = { learningRate, beta1, beta2, epsilon, correction1, correction2 };
  const inputs: tf.Tensor[] = [];
  gradients.forEach(({ name, tensor }, i) => {
    const value = tf.engine().registeredVariables[name];
    const m = momentAt(adam.accumulatedFirstMoment, i, `${name}/m`, value);
    const v = momentAt(adam.accumulatedSecondMoment, i, `${name}/v`, value);
    if (tensor) inputs.push(value, tensor, m, v);
  });
  const attributes = { ...numbers, weightDecay: 0, decoupled: 0, tensors: 4 };
  const variables = inputs.filter((_, i) => i % 4 !== 1) as tf.Variable[];
  runInPlace("TrainchartAdam", inputs, attributes)!.forEach((updated, at) => {
    if (updated === variables[at]) return;
    variables[at].assign(updated);
    updated.dispose();
  });
  for (const [power, beta] of [[accBeta1, beta1], [accBeta2, beta2]] as const) {
    tf.tidy(() => power.assign(power.mul(beta)));
  }
  adam.incrementIterations();
}

function momentAt(
  moments: StockAdam["accumulatedFirstMoment"],
  index: number,
  originalName: string,
  value: tf.Variable,
): tf.Variable {
  moments[index] ??= {
    originalName,
    variable: tf.tidy(() => tf.zerosLike(value).variable(false)),
  };
  return moments[index].variable;
}
