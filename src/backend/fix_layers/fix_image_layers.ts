import { tf } from "../../deps/tfjs.ts";
import { afterConstruction, type AnyLayer, layerClass, onlyTensor } from "./layer_class.ts";

/** Repairs convolutions, also those of lines, and the layers that prepare images and categories. */
export function fixImageLayers(): void {
  fixConv1D();
  fixDepthwise();
  fixSeparable();
  fixUpSampling();
  fixCenterCrop();
  fixResizing();
  fixRandomWidth();
  fixCategoryEncoding();
}

function fixUpSampling(): void {
  // One size for both axes.
  Object.defineProperty(layerClass("UpSampling2D").prototype, "size", {
    get(this: AnyLayer) {
      return this.sizes;
    },
    set(this: AnyLayer, size: number | [number, number]) {
      this.sizes = typeof size === "number" ? [size, size] : size;
    },
  });
}

/**
 * Adds causal padding, returns channels first where they came first, and computes bias and activation
 * with the convolution.
 */
function fixConv1D(): void {
  const { prototype } = layerClass("Conv1D");
  const { computeOutputShape } = prototype;
  prototype.call = function (this: AnyLayer, inputs: tf.Tensor | tf.Tensor[]) {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const isFirst = this.dataFormat === "channelsFirst";
      const last = isFirst ? x.transpose([0, 2, 1]) : x;
      const before = this.padding === "causal"
        ? (this.kernelSize[0] - 1) * this.dilationRate[0]
        : 0;
      const y = convolveLine(this, before ? last.pad([[0, 0], [before, 0], [0, 0]]) : last);
      return isFirst ? y.transpose([0, 2, 1]) : y;
    });
  };
  prototype.computeOutputShape = function (this: AnyLayer, shape: unknown) {
    const padding = this.padding === "causal" ? "same" : this.padding;
    return computeOutputShape.call(Object.create(this, { padding: { value: padding } }), shape);
  };
}

/** Adds dilation, and writes the right constraint into the configuration. */
function fixDepthwise(): void {
  const { prototype } = layerClass("DepthwiseConv2D");
  const { computeOutputShape, getConfig } = prototype;
  prototype.call = function (this: AnyLayer, inputs: tf.Tensor | tf.Tensor[]) {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const isFirst = this.dataFormat === "channelsFirst";
      const y = tf.depthwiseConv2d(
        (isFirst ? x.transpose([0, 2, 3, 1]) : x) as tf.Tensor4D,
        ...[this.depthwiseKernel.read(), this.strides, this.padding] as const,
        ...["NHWC", this.dilationRate] as const,
      );
      const result = finish(this, y);
      return isFirst ? result.transpose([0, 3, 1, 2]) : result;
    });
  };
  prototype.computeOutputShape = function (this: AnyLayer, shape: unknown) {
    const kernelSize = this.kernelSize.map((size: number, axis: number) =>
      (size - 1) * this.dilationRate[axis] + 1
    );
    return computeOutputShape.call(
      Object.create(this, { kernelSize: { value: kernelSize } }),
      shape,
    );
  };
  prototype.getConfig = function (this: AnyLayer) {
    const constraint = this.depthwiseConstraint;
    return {
      ...getConfig.call(this),
      depthwiseConstraint: constraint &&
        { className: constraint.getClassName(), config: constraint.getConfig() },
    };
  };
}

/** Adds the bias to the channels, wherever they are, and uses `pointwiseInitializer`. */
function fixSeparable(): void {
  layerClass("SeparableConv2D").prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
  ) {
    return tf.tidy(() => {
      const x = onlyTensor(inputs);
      const isFirst = this.dataFormat === "channelsFirst";
      const y = tf.separableConv2d(
        (isFirst ? x.transpose([0, 2, 3, 1]) : x) as tf.Tensor4D,
        ...[this.depthwiseKernel.read(), this.pointwiseKernel.read(), this.strides] as const,
        ...[this.padding, this.dilationRate, "NHWC"] as const,
      );
      const result = finish(this, y);
      return isFirst ? result.transpose([0, 3, 1, 2]) : result;
    });
  };
  // tfjs uses the initializer of the depthwise kernel for both kernels.
  afterConstruction("separableConv2d", "SeparableConv2D", (layer, { pointwiseInitializer }) => {
    layer.pointwiseInitializer = initializerOf(pointwiseInitializer ?? "glorotUniform");
  });
}

/** An initializer by its name or configuration, as tfjs's layers accept it. */
function initializerOf(identifier: unknown): unknown {
  // tfjs does not export the function that reads them; each layer calls it.
  const config = { units: 1, kernelInitializer: identifier, name: "initializer" };
  return (tf.layers.dense(config as never) as AnyLayer).kernelInitializer;
}

/** Activations that a convolution computes with its bias. */
const FUSED = ["linear", "relu", "relu6"] as const;

/** The results of a `conv1d` layer, from `[batch, width, channels]`. */
function convolveLine(layer: AnyLayer, x: tf.Tensor): tf.Tensor {
  const { strides: [stride], dilationRate: [dilation], useBias, bias } = layer;
  const filter = layer.kernel.read() as tf.Tensor3D,
    pad = layer.padding === "same" ? "same" : "valid";
  const name = layer.activation ? layer.activation.getClassName() : "linear";
  const activation = FUSED.find((fused) => fused === name);
  // tf.conv1d() refuses strides with dilations, and tensors that are no batches of lines.
  if (!activation || !useBias || x.rank !== 3 || (stride > 1 && dilation > 1)) {
    return finish(layer, tf.conv1d(x as tf.Tensor3D, filter, stride, pad, "NWC", dilation));
  }
  const y = tf.fused.conv2d({
    x: x.expandDims<tf.Tensor4D>(1),
    filter: filter.expandDims<tf.Tensor4D>(0),
    ...{ strides: [1, stride], pad, dilations: [1, dilation], bias: bias.read(), activation },
  });
  return y.squeeze([1]);
}

/** Adds the bias to channels that come last, and applies the activation. */
function finish({ bias, useBias, activation }: AnyLayer, y: tf.Tensor): tf.Tensor {
  const biased = useBias && bias ? y.add(bias.read()) : y;
  return activation ? activation.apply(biased) : biased;
}

type Shape = (number | null)[];

function fixCategoryEncoding(): void {
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
