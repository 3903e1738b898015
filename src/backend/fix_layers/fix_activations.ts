import { tf } from "../../deps/tfjs.ts";
import { hasKernel, run } from "../gradients/gradient.ts";
import type { UnaryAttributes } from "../kernels/unary.ts";
import { afterConstruction, type AnyLayer, layerClass, onlyTensor } from "./layer_class.ts";

/** Repairs softmax, and makes other activations one operation. */
export function fixActivations(): void {
  fixSoftmax();
  fuseActivations();
}

/** Makes the layer normalise along any axis; by default along the last one, as documented. */
function fixSoftmax(): void {
  // The default of tfjs is 1, which is the last axis of vectors only.
  afterConstruction("softmax", "Softmax", (layer, { axis }) => {
    layer.axis = axis ?? -1;
  });
  layerClass("Softmax").prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
    { mask }: { mask?: tf.Tensor } = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      let x = onlyTensor(inputs);
      if (mask) x = x.add(tf.sub(1, mask.cast(x.dtype)).mul(-1e9));
      const axes = tf.util.parseAxisParam(this.axis, x.shape);
      if (axes.length > 1) return x.sub(x.logSumExp(axes, true)).exp();
      const order = x.shape.map((_, axis) => axis);
      // Swaps the axis with the last one.
      order[axes[0]] = x.rank - 1;
      order[x.rank - 1] = axes[0];
      return axes[0] === x.rank - 1 ? x.softmax() : x.transpose(order).softmax().transpose(order);
    });
  };
}

/** Activations that tfjs makes of several operations, by the names of their classes. */
const FUSED: Record<string, (alpha: number) => UnaryAttributes> = {
  gelu: () => ({ f: "GELU" }),
  gelu_new: () => ({ f: "GELU_TANH" }),
  hardSigmoid: () => ({ f: "HARD_SIGMOID", p: 0.2, q: 0.5 }),
  mish: () => ({ f: "MISH" }),
  softsign: () => ({ f: "SOFTSIGN" }),
  swish: (alpha) => ({ f: "SWISH", p: alpha }),
};

/** Makes activations one operation where the backend has our kernels. */
function fuseActivations(): void {
  for (const [name, attributesOf] of Object.entries(FUSED)) {
    const { prototype } = layerClass(name);
    const { apply } = prototype;
    prototype.apply = function (this: AnyLayer, x: tf.Tensor, alpha = 1): tf.Tensor {
      const ours = x.dtype === "float32" && hasKernel("TrainchartActivation");
      return ours
        ? run("TrainchartActivation", { x }, { ...attributesOf(alpha) })
        : apply.call(this, x, alpha);
    };
  }
}
