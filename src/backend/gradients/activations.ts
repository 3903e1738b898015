/**
 * Gradients of softmax, of its logarithm, and of activations of one kernel.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { Unary, UnaryAttributes } from "../kernels/unary.ts";
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
  registerGradient("TrainchartActivation", { inputs: ["x"] }, (dy, [x], attributes) => ({
    x: () => {
      const { f, p } = attributes as UnaryAttributes;
      return isRecorded()
        ? pullBack((x) => ACTIVATIONS[f]!(x, p), [x], dy)[0]
        : run("TrainchartUnarySlope", { dy, s: x }, attributes);
    },
  }));
}

/** Activations of one kernel, made of operations that have gradients of any order. */
export const ACTIVATIONS: Partial<Record<Unary, (x: tf.Tensor, p?: number) => tf.Tensor>> = {
  GELU: (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5)),
  GELU_TANH: (x) => {
    const inner = x.square().mul(0.044715).add(1).mul(x).mul(Math.sqrt(2 / Math.PI));
    return x.mul(inner.tanh().add(1).mul(0.5));
  },
  HARD_SIGMOID: (x) => x.mul(0.2).add(0.5).clipByValue(0, 1),
  MISH: (x) => x.mul(x.softplus().tanh()),
  SOFTSIGN: (x) => x.div(x.abs().add(1)),
  SWISH: (x, p = 1) => x.mul(x.mul(p).sigmoid()),
};
