/**
 * Computes what tfjs makes of several kernels as one operation, if the backend has our kernels.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { fuseOptimizers } from "./fuse_optimizers.ts";
import { convolutionGradients } from "./gradients/convolutions.ts";
import { engineOf } from "./gradients/engine.ts";
import { hasKernel, run, runAll } from "./gradients/gradient.ts";
import { openWhere } from "./gradients/unary.ts";

type MatMul = typeof tf.fused.matMul;
type Conv2D = typeof tf.fused.conv2d;

/** The activations that our kernels apply, and whose gradients they compute. */
const FUSED_ACTIVATIONS = ["linear", "relu", "relu6"];

let isFused = false;

/** Fuses layers, `tf.logSoftmax` and the optimizers of `tf.train`. A second call does nothing. */
export function fuseCore(): void {
  if (isFused) return;
  isFused = true;
  fuseLayers();
  fuseLogSoftmax();
  fuseOptimizers();
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
