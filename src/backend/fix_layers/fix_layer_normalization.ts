import { tf } from "../../deps/tfjs.ts";
import { hasKernel, run } from "../gradients/gradient.ts";
import { normalize } from "../gradients/normalization.ts";
import { type AnyLayer, layerClass, onlyTensor } from "./layer_class.ts";

/**
 * Makes layer normalisation one operation where the backend has our kernels; elsewhere, one without
 * copies of its vectors for each row.
 */
export function fixLayerNormalization(): void {
  layerClass("LayerNormalization").prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
  ): tf.Tensor {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const axes: number[] = this.axis, epsilon: number = this.epsilon;
      const scale: tf.Tensor | undefined = this.gamma?.read(), offset = this.beta?.read();
      const first = x.rank - axes.length;
      const areLast = axes.every((axis) => axis >= first);
      if (areLast && x.dtype === "float32" && x.size > 0 && hasKernel("TrainchartLayerNorm")) {
        const size = tf.util.sizeFromShape(x.shape.slice(first));
        const vectors = { scale, offset } as tf.NamedTensorMap;
        return run("TrainchartLayerNorm", { x, ...vectors }, { axes, size, epsilon });
      }
      const shape = x.shape.map((size, axis) => axes.includes(axis) ? size : 1);
      return normalize(x, axes, epsilon, scale?.reshape(shape), offset?.reshape(shape));
    });
  };
}
