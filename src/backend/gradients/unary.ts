/**
 * Gradients of functions of one number that tfjs computes in more passes than needed, or not as
 * PyTorch does at kinks.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { hasKernel, isRecorded, registerGradient, run, toFloat } from "./gradient.ts";

/** Registers the gradients. */
export function registerUnary(): void {
  registerGradient("Abs", { inputs: ["x"] }, (dy, [x]) => ({
    x: () => dy.mul(toFloat(x).sign()),
  }));
  registerGradient("Sqrt", { results: [true] }, (dy, [y]) => ({
    x: () => dy.div(toFloat(y).mul(2)),
  }));
  registerGradient("Rsqrt", { inputs: ["x"], results: [true] }, (dy, [x, y]) => ({
    x: () => dy.mul(y).div(toFloat(x).mul(-2)),
  }));
  registerGradient("LeakyRelu", { inputs: ["x"] }, (dy, [x], { alpha }) => ({
    x: () => dy.mul(toFloat(x).step(alpha)),
  }));
  registerGradient("Elu", { results: [true] }, (dy, [y]) => ({
    x: () => isRecorded() ? dy.mul(y.minimum(0).add(1)) : run("EluGrad", { dy, y }),
  }));
  registerGradient("ClipByValue", { inputs: ["x"], results: [true] }, (dy, [x, y]) => ({
    // The slope passes where nothing was clipped.
    x: () => tf.where(x.equal(y), dy, tf.zerosLike(dy)),
  }));
  registerGradient("Select", { inputs: ["condition"] }, (dy, [condition]) => ({
    // Not a product: a slope that is not finite must not get to the side that was not taken.
    condition: () => tf.zeros(condition.shape),
    t: () => tf.where(condition, dy, tf.zerosLike(dy)),
    e: () => tf.where(condition, tf.zerosLike(dy), dy),
  }));
  for (const [kernelName, activation] of [["Relu", "relu"], ["Relu6", "relu6"]]) {
    registerGradient(kernelName, { results: [true] }, (dy, [y]) => ({
      x: () => openWhere(dy, y, activation),
    }));
  }
  registerGradient("TrainchartActivationGradient", { inputs: ["y"] }, (ddx, [y], attributes) => ({
    dy: () => openWhere(ddx, y, attributes.activation),
    y: () => tf.zerosLike(y),
  }));
}

/** `dy` where the result of an activation shows that it let the input through. */
export function openWhere(dy: tf.Tensor, y: tf.Tensor, activation: string): tf.Tensor {
  if (hasKernel("TrainchartActivationGradient") && y.dtype === "float32") {
    return run("TrainchartActivationGradient", { dy, y }, { activation });
  }
  const isOpen = activation === "relu6" ? y.greater(0).logicalAnd(y.less(6)) : y.greater(0);
  return tf.where(isOpen, dy, tf.zerosLike(dy));
}
