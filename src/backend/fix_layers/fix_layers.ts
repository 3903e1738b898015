import { tf } from "../../deps/tfjs.ts";
import { hasKernel, run } from "../gradients/gradient.ts";
import type { UnaryAttributes } from "../kernels/unary.ts";
import { fixImageLayers } from "./fix_image_layers.ts";
import { fixNormalization } from "./fix_normalization.ts";
import {
  afterConstruction,
  type AnyLayer,
  eachInnerLayer,
  layerClass,
  onlyTensor,
} from "./layer_class.ts";

/** Repairs layers of tfjs that cannot be built or trained, or ignore their options. */
export function fixLayers(): void {
  fixActivations();
  fixDropout();
  fixImageLayers();
  fixMerges();
  fixNormalization();
  fixRecurrent();
  fixStates();
  fixRegularizers();
  fixReshape();
  fixTimeDistributed();
}

/** Layers whose result for an example depends on that example alone, also in training. */
// deno-fmt-ignore
const OF_EXAMPLES = [
  "Activation", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "Conv1D", "Conv2D",
  "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "Cropping2D", "Dense", "DepthwiseConv2D", "ELU",
  "Embedding", "Flatten", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D",
  "GlobalMaxPooling2D", "InputLayer", "LayerNormalization", "LeakyReLU", "MaxPooling1D",
  "MaxPooling2D", "MaxPooling3D", "Model", "PReLU", "Permute", "ReLU", "RepeatVector", "Reshape",
  "SeparableConv2D", "Sequential", "Softmax", "ThresholdedReLU", "UpSampling2D", "ZeroPadding2D",
];

/** Whether the result of a layer, and of all layers in it, for an example depends on that alone. */
function isOfExamples(layer: AnyLayer): boolean {
  const name = layer.getClassName();
  if (!OF_EXAMPLES.includes(name) || layer._callHook != null) return false;
  if (layer.constructor !== layerClass(name)) return false;
  let areAll = true;
  eachInnerLayer(layer, (inner) => areAll &&= isOfExamples(inner));
  return areAll;
}

/**
 * Makes `timeDistributed` apply its layer to all steps at once, as examples. tfjs applies it step by
 * step, and still does where a layer draws random numbers, has states, or looks at its whole batch.
 */
function fixTimeDistributed(): void {
  const { prototype } = layerClass("TimeDistributed");
  const { call } = prototype;
  prototype.call = function (
    this: AnyLayer,
    inputs: tf.Tensor | tf.Tensor[],
    options: { mask?: unknown } = {},
  ): tf.Tensor {
    const x = onlyTensor(inputs);
    if (x.size === 0 || options.mask != null || !isOfExamples(this.layer)) {
      return call.call(this, inputs, options);
    }
    return tf.tidy(() => {
      const [batch, steps, ...rest] = x.shape;
      const examples = x.reshape([batch * steps, ...rest]);
      const y = onlyTensor(this.layer.call(examples, options));
      return y.reshape([batch, steps, ...y.shape.slice(1)]);
    });
  };
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

/** Repairs softmax, and makes other activations one operation. */
function fixActivations(): void {
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
  // tfjs takes the minimum of 6 and of a relu.
  layerClass("relu6").prototype.apply = (x: tf.Tensor) => tf.relu6(x);
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

/**
 * Makes dropout draw its random numbers in a kernel where the backend has ours. They are those that
 * tfjs draws, one by one in JavaScript.
 */
function fixDropout(): void {
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

/**
 * Makes the sum, product, mean and extremes of masked inputs pass on the mask that is true where
 * those of all inputs are, as in Keras. tfjs passes on one of them, with an axis too many.
 */
function fixMerges(): void {
  Object.getPrototypeOf(layerClass("Add").prototype).computeMask = (
    _: tf.Tensor[],
    masks?: (tf.Tensor | null)[],
  ): tf.Tensor | null => {
    const given = (masks ?? []).filter((mask) => mask != null);
    if (given.length === 0) return null;
    return tf.tidy(() => given.reduce((all, mask) => tf.logicalAnd(all, mask), given[0].clone()));
  };
}

/**
 * Makes the dropout of recurrent cells draw new masks for each batch, and leave no tensors.
 *
 * tfjs keeps the masks until the layer is applied again, even after its disposal; within stacked
 * cells it keeps those of the first batch for good, even if that was a prediction.
 */
function fixRecurrent(): void {
  const prototype: AnyLayer = tf.layers.RNN.prototype;
  const { call } = prototype;
  prototype.call = function (this: AnyLayer, inputs: unknown, options: unknown) {
    try {
      return call.call(this, inputs, options);
    } finally {
      for (const cell of [this.cell, ...this.cell.cells ?? []]) disposeMasks(cell);
    }
  };
}

/** Makes a recurrent layer that is disposed dispose its states, too. */
function fixStates(): void {
  const prototype: AnyLayer = tf.layers.Layer.prototype;
  const { disposeWeights } = prototype;
  prototype.disposeWeights = function (this: AnyLayer): number {
    disposeStates(this);
    return disposeWeights.call(this);
  };
}

function disposeStates(layer: AnyLayer): void {
  tf.dispose([layer.states_ ?? [], layer.keptStates ?? []]);
  eachInnerLayer(layer, disposeStates);
}

function disposeMasks(cell: AnyLayer): void {
  for (const name of ["dropoutMask", "recurrentDropoutMask"]) {
    if (cell[name] == null) continue;
    tf.dispose(cell[name]);
    cell[name] = null;
  }
}

/**
 * Makes a model penalise each regularized weight once.
 *
 * tfjs penalises it each time that its layer is applied, but never the weights of recurrent cells.
 */
function fixRegularizers(): void {
  const container: AnyLayer = Object.getPrototypeOf(tf.LayersModel.prototype);
  container.calculateLosses = function (this: AnyLayer): tf.Scalar[] {
    return tf.tidy(() => [...lossesOf(this)].map((loss) => loss()));
  };
}

/** The losses of a layer's weights and of the layers in it. */
function lossesOf(layer: AnyLayer, found = new Set<() => tf.Scalar>()): Set<() => tf.Scalar> {
  if (layer.containerNodes) {
    for (const inner of layer.layers) {
      const isUsed = inner.inboundNodes.some((_: unknown, index: number) =>
        layer.containerNodes.has(`${inner.name}_ib-${index}`)
      );
      if (isUsed) lossesOf(inner, found);
    }
    return found;
  }
  for (const loss of layer.losses) found.add(loss);
  const { cell, cells = [], layer: wrapped, forwardLayer, backwardLayer } = layer;
  for (const inner of [cell, ...cells, wrapped, forwardLayer, backwardLayer]) {
    if (inner) lossesOf(inner, found);
  }
  return found;
}
