import { tf } from "../../deps/tfjs.ts";
import { type AnyLayer, layerClass, onlyTensor } from "./layer_class.ts";

type Shape = (number | null)[];

/** Makes the layers that prepare images and categories work within models. */
export function fixImageLayers(): void {
  fixCenterCrop();
  fixResizing();
  fixRandomWidth();
  // tfjs changes the shape of the input itself.
  const { prototype } = layerClass("CategoryEncoding");
  const { computeOutputShape } = prototype;
  prototype.computeOutputShape = function (this: AnyLayer, shape: Shape | Shape[]) {
    return computeOutputShape.call(this, shape && copyOf(shape));
  };
}

/** Unpacks the list of inputs, and claims no width, as it is drawn later. */
function fixRandomWidth(): void {
  const { prototype } = layerClass("RandomWidth");
  const { call } = prototype;
  prototype.call = function (this: AnyLayer, inputs: tf.Tensor | tf.Tensor[], options: unknown) {
    return call.call(this, onlyTensor(inputs), options);
  };
  prototype.computeOutputShape = function (this: AnyLayer, shape: Shape | Shape[]) {
    const result = copyOf(shape);
    result[result.length - 2] = null;
    return result;
  };
}

function copyOf(shape: Shape | Shape[]): Shape {
  return [...(Array.isArray(shape[0]) ? shape[0] : shape as Shape)];
}

/** The shape of images with another height and width. */
function resized(this: AnyLayer, shape: Shape | Shape[]): Shape {
  const result = copyOf(shape);
  result.splice(result.length - 3, 2, this.height, this.width);
  return result;
}

/** Cuts out whole pixels. tfjs reads between them, and is one column off if one column is cut. */
function fixCenterCrop(): void {
  const { prototype } = layerClass("CenterCrop");
  prototype.computeOutputShape = resized;
  prototype.call = function (this: AnyLayer, inputs: tf.Tensor | tf.Tensor[]) {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const [height, width] = x.shape.slice(-3);
      if (height < this.height || width < this.width) {
        return tf.image.resizeBilinear(x as tf.Tensor4D, [this.height, this.width]).cast(x.dtype);
      }
      return cutCenter(x, this.height, this.width);
    });
  };
}

/** With `cropToAspectRatio`, cuts out the largest window of the new proportions, unlike tfjs. */
function fixResizing(): void {
  const { prototype } = layerClass("Resizing");
  prototype.computeOutputShape = resized;
  prototype.call = function (this: AnyLayer, inputs: tf.Tensor | tf.Tensor[]) {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const { height, width, interpolation, cropToAspectRatio } = this;
      const [h, w] = x.shape.slice(-3);
      const window = cropToAspectRatio
        ? cutCenter(
          x,
          Math.min(h, Math.floor(w * height / width)),
          Math.min(w, Math.floor(h * width / height)),
        )
        : x;
      const resize = interpolation === "nearest"
        ? tf.image.resizeNearestNeighbor
        : tf.image.resizeBilinear;
      return resize(window as tf.Tensor4D, [height, width], !cropToAspectRatio);
    });
  };
}

function cutCenter(x: tf.Tensor, height: number, width: number): tf.Tensor {
  const [h, w, channels] = x.shape.slice(-3);
  const outer = x.shape.slice(0, -3);
  const begin = [Math.floor((h - height) / 2), Math.floor((w - width) / 2), 0];
  return x.slice([...outer.map(() => 0), ...begin], [...outer, height, width, channels]);
}
