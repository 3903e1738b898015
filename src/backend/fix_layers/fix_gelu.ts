import type { tf } from "../../deps/tfjs.ts";
import { hasKernel, run } from "../gradients/gradient.ts";
import { type AnyLayer, layerClass } from "./layer_class.ts";

/** Makes the activations "gelu" and "gelu_new" one operation where the backend has our kernels. */
export function fixGelu(): void {
  for (const [name, tanh] of [["gelu", false], ["gelu_new", true]] as const) {
    const { prototype } = layerClass(name);
    const { apply } = prototype;
    prototype.apply = function (this: AnyLayer, x: tf.Tensor): tf.Tensor {
      const ours = x.dtype === "float32" && hasKernel("TrainchartGelu");
      return ours ? run("TrainchartGelu", { x }, { tanh }) : apply.call(this, x);
    };
  }
}
