/**
 * Gradients that tfjs lacks, or computes in more passes than needed; on every backend.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { einsumGradient } from "./einsum.ts";

type Gradients = Record<string, () => tf.Tensor>;
// deno-lint-ignore no-explicit-any
type Attributes = any;

/** Whether the backend at hand has a kernel. */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** Runs a kernel that has one result. */
export function run(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: Attributes = {},
): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attributes);
}

/** Runs a kernel that has several results. */
export function runAll(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: Attributes = {},
): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attributes) as unknown as tf.Tensor[];
}

/** Sums over the axes along which `shape` was broadcast. */
export function unbroadcast(x: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, x.shape);
  return axes.length > 0 ? x.sum(axes).reshape(shape) : x;
}

/** Of a product whose operands may broadcast, unlike in tfjs. */
function matMulGradient(dy: tf.Tensor, [a, b]: tf.Tensor[], attributes: Attributes): Gradients {
  const { transposeA, transposeB } = attributes;
  return {
    a: () => {
      const da = transposeA
        ? tf.matMul(b, dy, transposeB, true)
        : tf.matMul(dy, b, false, !transposeB);
      return unbroadcast(da, a.shape);
    },
    b: () => {
      const db = transposeB
        ? tf.matMul(dy, a, true, transposeA)
        : tf.matMul(a, dy, !transposeA, false);
      return unbroadcast(db, b.shape);
    },
  };
}

/** `dy` where the activation's result shows that it let the input through. */
export function openWhere(dy: tf.Tensor, y: tf.Tensor, activation: string): tf.Tensor {
  if (hasKernel("TrainchartActivationGradient") && y.dtype === "float32") {
    return run("TrainchartActivationGradient", { dy, y }, { activation });
  }
  const open = activation === "relu6" ? y.step().mul(y.less(6).toFloat()) : y.step();
  return dy.mul(open.toFloat());
}

/** Registers them. */
export function completeGradients(): void {
  tf.registerGradient({
    kernelName: "BatchMatMul",
    inputsToSave: ["a", "b"],
    gradFunc: (dy, saved, attributes) => matMulGradient(dy as tf.Tensor, saved, attributes),
  });
  for (const [kernelName, activation] of [["Relu", "relu"], ["Relu6", "relu6"]]) {
    tf.registerGradient({
      kernelName,
      outputsToSave: [true],
      gradFunc: (dy, [y]) => ({ x: () => openWhere(dy as tf.Tensor, y, activation) }),
    });
  }
  // Of a gradient: for penalties on gradients.
  tf.registerGradient({
    kernelName: "TrainchartActivationGradient",
    inputsToSave: ["y"],
    gradFunc: (ddx, [y], attributes) => ({
      dy: () => openWhere(ddx as tf.Tensor, y, (attributes as Attributes).activation),
      y: () => tf.zerosLike(y),
    }),
  });
  tf.registerGradient({
    kernelName: "Conv3DBackpropInputV2",
    inputsToSave: ["dy", "filter"],
    gradFunc: (ddx, [dy, filter], attributes) => {
      const { strides, pad } = attributes as Attributes;
      const x = ddx as tf.Tensor5D;
      return {
        dy: () => tf.conv3d(x, filter as tf.Tensor5D, strides, pad),
        filter: () =>
          run("Conv3DBackpropFilterV2", { x, dy }, { strides, pad, filterShape: filter.shape }),
      };
    },
  });
  completeConv2D();
  tf.registerGradient({ kernelName: "Einsum", saveAllInputs: true, gradFunc: einsumGradient });
}

/** tfjs refuses the gradient of a dilated convolution; our kernels compute it. */
function completeConv2D(): void {
  const stock = tf.getGradient("Conv2D");
  tf.registerGradient({
    ...stock,
    gradFunc: (dy, saved, attributes) => {
      const { dilations, strides, pad, dataFormat, dimRoundingMode } = attributes as Attributes;
      const one = [dilations].flat().every((dilation) => dilation === 1);
      if (one || !hasKernel("TrainchartConv2D")) return stock.gradFunc(dy, saved, attributes);
      const shared = { dilations, strides, pad, dataFormat, dimRoundingMode };
      return convolutionGradients(dy as tf.Tensor, saved[0], saved[1], shared);
    },
  });
}

/** The gradients of a 2D convolution's input and filter. */
export function convolutionGradients(
  dy: tf.Tensor,
  x: tf.Tensor,
  filter: tf.Tensor,
  attributes: Attributes,
): Gradients {
  return {
    x: () => run("Conv2DBackpropInput", { dy, filter }, { ...attributes, inputShape: x.shape }),
    filter: () =>
      run("Conv2DBackpropFilter", { x, dy }, { ...attributes, filterShape: filter.shape }),
  };
}
