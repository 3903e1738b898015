/**
 * TensorFlow.js, pinned: our kernels complete and correct this very version. Its WebAssembly and
 * WebGPU backends register themselves when they are imported, so they are only once they are wanted.
 *
 * The package `@tensorflow/tfjs` is a union of the parts below, and of a WebGL backend that is never
 * selected. On Deno and Node it also holds a second copy of the core: it takes longer to load than
 * its parts, and to download. A program that imports it nevertheless gets the same parts, and so the
 * same engine and classes.
 *
 * A plain `export * as tf` would make its thousand undocumented symbols symbols of this package. So
 * the value is exported whole, but only those types that users need to name.
 *
 * @module
 */
import * as tfCore from "npm:@tensorflow/tfjs-core@4.22.0";
import * as tfLayers from "npm:@tensorflow/tfjs-layers@4.22.0";
import * as tfConverter from "npm:@tensorflow/tfjs-converter@4.22.0";
import * as tfData from "npm:@tensorflow/tfjs-data@4.22.0";
import * as tfCpu from "npm:@tensorflow/tfjs-backend-cpu@4.22.0";

/**
 * TensorFlow.js, the one instance (and so the one engine) that Trainchart computes with. Some of its
 * operations are replaced by right or faster ones.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const x: tf.Tensor1D = tf.tensor1d([1, 2, 3]);
 * assertEquals(x.shape, [3]);
 * x.dispose();
 * ```
 *
 * @category TensorFlow.js
 */
export const tf:
  & typeof tfCore
  & typeof tfLayers
  & typeof tfConverter
  & typeof tfCpu
  // The module with the types of the operations that are methods of tensors.
  & typeof import("npm:@tensorflow/tfjs-core@4.22.0/dist/public/chained_ops/register_all_chained_ops.js")
  & {
    /** Datasets and their sources. */
    readonly data: typeof tfData;
    /** The versions of the packages. */
    readonly version: Readonly<Record<string, string>>;
  } = {
    ...tfCore,
    ...tfLayers,
    ...tfConverter,
    ...tfCpu,
    // Packages of CommonJS also export themselves, whole, by these two names.
    default: undefined,
    "module.exports": undefined,
    data: tfData,
    version: {
      "tfjs-core": tfCore.version_core,
      "tfjs-layers": tfLayers.version_layers,
      "tfjs-converter": tfConverter.version_converter,
      "tfjs-data": tfData.version_data,
      "tfjs-backend-cpu": tfCpu.version_cpu,
      tfjs: tfCore.version_core,
    },
  } as object as typeof tf;

/** The operations that are methods of tensors: the tensor is their first argument. */
const METHODS = `
  abs acos acosh add all any argMax argMin asin asinh atan atan2 atanh avgPool batchNorm
  batchToSpaceND broadcastTo cast ceil clipByValue conv1d conv2d conv2dTranspose cos cosh cumprod
  cumsum depthToSpace depthwiseConv2d dilation2d div divNoNan dot elu equal erf euclideanNorm exp
  expandDims expm1 fft floor floorDiv gather greater greaterEqual ifft irfft isFinite isInf isNaN
  leakyRelu less lessEqual localResponseNormalization log log1p logSigmoid logSoftmax logSumExp
  logicalAnd logicalNot logicalOr logicalXor matMul max maxPool maximum mean min minimum mirrorPad
  mod mul neg norm notEqual onesLike pad pool pow prelu prod reciprocal relu relu6 reshape
  resizeBilinear resizeNearestNeighbor reverse round rsqrt selu separableConv2d sigmoid sign
  sin sinh slice softmax softplus spaceToBatchND split sqrt square squaredDifference squeeze step
  stridedSlice sub sum tan tanh tile topk unique unsortedSegmentSum unstack zerosLike
`.trim().split(/\s+/);

addMethods();

/**
 * Makes operations methods of tensors, as the union does. Its own module of them is written for
 * bundlers: Deno and Node cannot import it.
 */
function addMethods(): void {
  const operations = { ...tfCore, ...tfCore.image } as unknown as Record<
    string,
    (...args: unknown[]) => tf.Tensor
  >;
  const prototype = tfCore.Tensor.prototype as unknown as Record<string, unknown>;
  const add = (name: string, operation: (x: tf.Tensor, ...args: never[]) => unknown) => {
    prototype[name] = function (this: tf.Tensor, ...args: never[]) {
      // A method of the type, but private.
      (this as unknown as { throwIfDisposed(): void }).throwIfDisposed();
      return operation(this, ...args);
    };
  };
  for (const name of METHODS) add(name, operations[name]);
  // These operations have one more argument than the method.
  add("oneHot", (x, depth: number, on?: number, off?: number) => tfCore.oneHot(x, depth, on, off));
  add("rfft", (x) => tfCore.rfft(x));
  add("transpose", (x, axes?: number[]) => tfCore.transpose(x, axes));
  const others = (x: tf.Tensor | tf.Tensor[]) => x instanceof tfCore.Tensor ? [x] : x;
  const { cast, concat, reshape, stack, util, where } = tfCore;
  add("asScalar", (x) => {
    util.assert(x.size === 1, () => "The array must have only 1 element.");
    return reshape(x, []);
  });
  add("asType", (x, dtype: tf.DataType) => cast(x, dtype));
  add("toBool", (x) => cast(x, "bool"));
  add("toFloat", (x) => cast(x, "float32"));
  add("toInt", (x) => cast(x, "int32"));
  add("flatten", (x) => reshape(x, [x.size]));
  add("reshapeAs", (x, y: tf.Tensor) => reshape(x, y.shape));
  add("as1D", (x) => reshape(x, [x.size]));
  for (let rank = 2; rank <= 5; rank++) {
    const axes = Array.from({ length: rank }, (_, axis) => axis);
    add(`as${rank}D`, (x, ...shape: number[]) => reshape(x, axes.map((axis) => shape[axis])));
  }
  add("concat", (x, y: tf.Tensor | tf.Tensor[], axis?: number) => concat([x, ...others(y)], axis));
  add("stack", (x, y: tf.Tensor | tf.Tensor[], axis?: number) => stack([x, ...others(y)], axis));
  add("where", (x, condition: tf.Tensor, y: tf.Tensor) => where(condition, x, y));
}

// The cpu backend greets its first tensor with an advertisement for another package.
const createCpu = tfCore.findBackendFactory("cpu");
tfCore.removeBackend("cpu");
tfCore.registerBackend("cpu", () => Object.assign(createCpu(), { firstUse: false }));

// The initializer of every recurrent layer warns that it is slow from this number of elements on.
const orthogonal = tfLayers.initializers.orthogonal({});
Object.defineProperty(Object.getPrototypeOf(orthogonal), "ELEMENTS_WARN_SLOW", {
  get: () => Infinity,
  set() {},
});

/**
 * The types of TensorFlow.js that a model, a loss or a callback is written with.
 *
 * @category TensorFlow.js
 */
export declare namespace tf {
  /** An immutable array of numbers on the backend. */
  type Tensor<R extends Rank = Rank> = InstanceType<typeof tf.Tensor<R>>;
  /** A tensor of shape `[]`. */
  type Scalar = tfCore.Scalar;
  /** A tensor with one axis. */
  type Tensor1D = tfCore.Tensor1D;
  /** A tensor with two axes. */
  type Tensor2D = tfCore.Tensor2D;
  /** A tensor with three axes. */
  type Tensor3D = tfCore.Tensor3D;
  /** A tensor with four axes. */
  type Tensor4D = tfCore.Tensor4D;
  /** A tensor with five axes. */
  type Tensor5D = tfCore.Tensor5D;
  /** The description of a tensor for a kernel: id of its data, shape and dtype. */
  type TensorInfo = tfCore.TensorInfo;
  /** Storage for tensors, and the kernels registered for it. */
  type KernelBackend = tfCore.KernelBackend;
  /** A number, nested array or typed array that tfjs turns into a tensor. */
  type TensorLike = tfCore.TensorLike;
  /** A tensor, or arrays and records of them, as `tf.tidy` accepts and returns. */
  type TensorContainer = tfCore.TensorContainer;
  /** Tensors by name. */
  type NamedTensorMap = tfCore.NamedTensorMap;
  /** A mutable tensor: a weight. */
  type Variable<R extends Rank = Rank> = InstanceType<typeof tf.Variable<R>>;
  /** The number of axes, as a type. */
  type Rank = tfCore.Rank;
  /** The name of an element type, such as `"float32"`. */
  type DataType = tfCore.DataType;
  /** The base class of all optimizers. */
  type Optimizer = tfCore.Optimizer;
  /** A model made of layers. */
  type LayersModel = tfLayers.LayersModel;
  /** A model that is a stack of layers. */
  type Sequential = tfLayers.Sequential;
  /** A symbolic tensor between layers. */
  type SymbolicTensor = tfLayers.SymbolicTensor;
  /** The shape of a layer's input or output; `null` where it is not fixed. */
  type Shape = tfLayers.Shape;
  /** Types of `tf.serialization`. */
  namespace serialization {
    /** The configuration of an object, as plain JSON. */
    type ConfigDict = tfCore.serialization.ConfigDict;
    /** An object that can be rebuilt from its configuration. */
    type Serializable = tfCore.serialization.Serializable;
  }
  /** Types of `tf.layers`. */
  namespace layers {
    /** The base class of all layers. */
    type Layer = tfLayers.layers.Layer;
  }
  /** Types of `tf.io`. */
  namespace io {
    /** Loads or saves a model. */
    type IOHandler = tfCore.io.IOHandler;
    /** The topology of a model and its weights, separately. */
    type ModelArtifacts = tfCore.io.ModelArtifacts;
    /** Whether and when a model was saved. */
    type SaveResult = tfCore.io.SaveResult;
    /** Name, shape and dtype of one weight. */
    type WeightsManifestEntry = tfCore.io.WeightsManifestEntry;
  }
}

export type { BackendWasm } from "npm:@tensorflow/tfjs-backend-wasm@4.22.0";

/** Imports the WebAssembly backend, which registers itself as `"wasm"`. */
export function importWasm(): Promise<typeof import("npm:@tensorflow/tfjs-backend-wasm@4.22.0")> {
  return import("npm:@tensorflow/tfjs-backend-wasm@4.22.0");
}

/** Imports the WebGPU backend, which registers itself as `"webgpu"`. */
export function importWebgpu(): Promise<
  typeof import("npm:@tensorflow/tfjs-backend-webgpu@4.22.0")
> {
  return import("npm:@tensorflow/tfjs-backend-webgpu@4.22.0");
}

/**
 * Address of the package of the WebAssembly backend, beside which its files are; `undefined` in a
 * browser and most bundles.
 */
export function wasmPackage(): string | undefined {
  try {
    return import.meta.resolve("npm:@tensorflow/tfjs-backend-wasm@4.22.0");
  } catch {
    return undefined;
  }
}
