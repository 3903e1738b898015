/**
 * TensorFlow.js, pinned: our kernels complete and correct this very version. Its WebAssembly and
 * WebGPU backends register themselves when they are imported, so they are only once they are wanted.
 *
 * A plain `export * as tf` would make its thousand undocumented symbols symbols of this package. So
 * the value is exported whole, but only those types that users need to name.
 *
 * @module
 */
import * as tensorflow from "npm:@tensorflow/tfjs@4.22.0";

/**
 * TensorFlow.js, the one instance (and so the one engine) that Trainchart computes with. Some of its
 * functions are replaced by right ones.
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
// A copy, because the functions of a module cannot be replaced.
export const tf: typeof tensorflow = { ...tensorflow };

// The cpu backend greets its first tensor with an advertisement for another package.
const createCpu = tensorflow.findBackendFactory("cpu");
tensorflow.removeBackend("cpu");
tensorflow.registerBackend("cpu", () => Object.assign(createCpu(), { firstUse: false }));

// The initializer of every recurrent layer warns that it is slow from this number of elements on.
const orthogonal = tensorflow.initializers.orthogonal({});
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
  type Scalar = tensorflow.Scalar;
  /** A tensor with one axis. */
  type Tensor1D = tensorflow.Tensor1D;
  /** A tensor with two axes. */
  type Tensor2D = tensorflow.Tensor2D;
  /** A tensor with three axes. */
  type Tensor3D = tensorflow.Tensor3D;
  /** A tensor with four axes. */
  type Tensor4D = tensorflow.Tensor4D;
  /** A tensor with five axes. */
  type Tensor5D = tensorflow.Tensor5D;
  /** The description of a tensor for a kernel: id of its data, shape and dtype. */
  type TensorInfo = tensorflow.TensorInfo;
  /** Storage for tensors, and the kernels registered for it. */
  type KernelBackend = tensorflow.KernelBackend;
  /** A number, nested array or typed array that tfjs turns into a tensor. */
  type TensorLike = tensorflow.TensorLike;
  /** A tensor, or arrays and records of them, as `tf.tidy` accepts and returns. */
  type TensorContainer = tensorflow.TensorContainer;
  /** Tensors by name. */
  type NamedTensorMap = tensorflow.NamedTensorMap;
  /** A mutable tensor: a weight. */
  type Variable<R extends Rank = Rank> = InstanceType<typeof tf.Variable<R>>;
  /** The number of axes, as a type. */
  type Rank = tensorflow.Rank;
  /** The name of an element type, such as `"float32"`. */
  type DataType = tensorflow.DataType;
  /** The base class of all optimizers. */
  type Optimizer = tensorflow.Optimizer;
  /** A model made of layers. */
  type LayersModel = tensorflow.LayersModel;
  /** A model that is a stack of layers. */
  type Sequential = tensorflow.Sequential;
  /** A symbolic tensor between layers. */
  type SymbolicTensor = tensorflow.SymbolicTensor;
  /** The shape of a layer's input or output; `null` where it is not fixed. */
  type Shape = tensorflow.Shape;
  /** Types of `tf.serialization`. */
  namespace serialization {
    /** The configuration of an object, as plain JSON. */
    type ConfigDict = tensorflow.serialization.ConfigDict;
    /** An object that can be rebuilt from its configuration. */
    type Serializable = tensorflow.serialization.Serializable;
  }
  /** Types of `tf.layers`. */
  namespace layers {
    /** The base class of all layers. */
    type Layer = tensorflow.layers.Layer;
  }
  /** Types of `tf.io`. */
  namespace io {
    /** Loads or saves a model. */
    type IOHandler = tensorflow.io.IOHandler;
    /** The topology of a model and its weights, separately. */
    type ModelArtifacts = tensorflow.io.ModelArtifacts;
    /** Whether and when a model was saved. */
    type SaveResult = tensorflow.io.SaveResult;
    /** Name, shape and dtype of one weight. */
    type WeightsManifestEntry = tensorflow.io.WeightsManifestEntry;
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
