/**
 * Gradients of softmax, of its logarithm, and of the Gaussian error linear unit.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { hasKernel, isRecorded, pullBack, registerGradient, run } from "./gradient.ts";

/** Registers the gradients. */
export function registerActivations(): void {
  registerGradient("Softmax", { results: [true] }, (dy, [y], { dim }) => ({
    logits: () => {
      if (!isRecorded() && hasKernel("TrainchartSoftmaxGradient")) {
        return run("TrainchartSoftmaxGradient", { dy, y });
      }
      return dy.sub(dy.mul(y).sum(dim, true)).mul(y);
    },
  }));
  registerGradient("TrainchartLogSoftmax", { results: [true] }, (dy, [y]) => ({
    logits: () =>
      isRecorded()
        ? dy.sub(dy.sum(-1, true).mul(y.exp()))
        : run("TrainchartLogSoftmaxGradient", { dy, y }),
  }));
  registerGradient("TrainchartGelu", { inputs: ["x"] }, (dy, [x], { tanh }) => ({
    x: () =>
      isRecorded()
        ? pullBack((x) => composedGelu(x, tanh), [x], dy)[0]
        : run("TrainchartGeluGradient", { dy, x }, { tanh }),
  }));
}

/** The unit made of operations that have gradients of any order. */
export function composedGelu(x: tf.Tensor, tanh: boolean): tf.Tensor {
  if (!tanh) return x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5));
  const inner = x.square().mul(0.044715).add(1).mul(x).mul(Math.sqrt(2 / Math.PI));
  return x.mul(inner.tanh().add(1).mul(0.5));
}
