import type { tf } from "../../deps/tfjs.ts";
import { fixActivations } from "./fix_activations.ts";
import { fixBatchNormalization } from "./fix_batch_normalization.ts";
import { fixConvolutions } from "./fix_convolutions.ts";
import { fixDropout } from "./fix_dropout.ts";
import { fixImageLayers } from "./fix_image_layers.ts";
import { fixLayerNormalization } from "./fix_layer_normalization.ts";
import { fixMerges } from "./fix_merges.ts";
import { fixRecurrent } from "./fix_recurrent.ts";
import { fixRegularizers } from "./fix_regularizers.ts";
import { type AnyLayer, layerClass } from "./layer_class.ts";

/** Repairs layers of tfjs that cannot be built or trained, or ignore their options. */
export function fixLayers(): void {
  fixActivations();
  fixBatchNormalization();
  fixConvolutions();
  fixDropout();
  fixImageLayers();
  fixLayerNormalization();
  fixMerges();
  fixRecurrent();
  fixRegularizers();
  fixReshape();
}

/**
 * Says when a model is made that a shape does not fit. TensorFlow.js compares the sizes only in the
 * first step, as the number of examples is not known before.
 */
function fixReshape(): void {
  const { prototype } = layerClass("Reshape");
  const { computeOutputShape } = prototype;
  prototype.computeOutputShape = function (this: AnyLayer, shapes: tf.Shape | tf.Shape[]) {
    const shape = (Array.isArray(shapes[0]) ? shapes[0] : shapes) as tf.Shape;
    const target: tf.Shape = this.targetShape;
    const [from, to] = [shape.slice(1), target].map((sizes) =>
      sizes.reduce<number>((product, size) => product * (size === null ? NaN : size), 1)
    );
    // A size that is left out, null or -1, makes the product NaN or negative.
    if (from >= 0 && to >= 0 && from !== to) {
      throw new TypeError(
        `Cannot reshape as the layer ${this.name} must keep the number of elements: its input is ` +
          `[${shape.slice(1)}], its targetShape [${target}]`,
      );
    }
    return computeOutputShape.call(this, shapes);
  };
}
