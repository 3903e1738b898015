import { tf } from "../../deps/tfjs.ts";
import { hasKernel, run } from "../gradients/gradient.ts";
import { type AnyLayer, layerClass, onlyTensor } from "./layer_class.ts";

/**
 * Makes dropout draw its random numbers in a kernel where the backend has ours. They are those that
 * tfjs draws, one by one in JavaScript.
 */
export function fixDropout(): void {
  const { prototype } = layerClass("Dropout");
  const { call } = prototype;
  prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
    options: { training?: boolean } = {},
  ): tf.Tensor {
    const isDrawn = options.training && this.rate > 0 && this.rate < 1;
    if (!isDrawn || !hasKernel("TrainchartDropoutMask")) return call.call(this, inputs, options);
    const x = onlyTensor(inputs);
    if (x.dtype !== "float32") return call.call(this, inputs, options);
    return tf.tidy(() => {
      this.invokeCallHook(inputs, options);
      const shape = this.getNoiseShape(x) ?? x.shape;
      const attributes = { shape, kept: 1 - this.rate, seed: this.seed };
      return x.mul(run("TrainchartDropoutMask", {}, attributes));
    });
  };
}
