/**
 * The interface of a native library, and the library that computes for each backend.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { Convolution } from "../geometry.ts";
import type { Kernels } from "../wasm_modules.ts";

/**
 * A native library that `selectBackend` can use.
 *
 * @category Backends
 */
export type NativeName = "onednn" | "accelerate" | "openblas" | "blis";

/** The libraries, the fastest first. */
export const NATIVE_NAMES: readonly NativeName[] = ["onednn", "accelerate", "openblas", "blis"];

/** A product of matrices in row-major order: `c = a b`. */
export interface Product {
  rows: number;
  columns: number;
  depth: number;
  transposeA: boolean;
  transposeB: boolean;
  /** Number of elements between two rows of `a` in memory. */
  widthA: number;
  /** Number of elements between two rows of `b` in memory. */
  widthB: number;
  /** Number of elements between two rows of `c` in memory. */
  widthC: number;
}

/** Products of as many pairs of matrices, each in row-major order: `c = a b + bias`. */
export interface Products extends Product {
  kind: "products";
  count: number;
  /** Number of elements from one matrix to the next; 0 if one serves all. */
  nextA: number;
  nextB: number;
  /** Whether there is a bias, `[columns]`. */
  bias: boolean;
}

/** An operation on the rows of a matrix, or its gradient. */
export interface RowOperation {
  kind: "softmax" | "softmaxGradient" | "layerNorm" | "layerNormGradient";
  rows: number;
  columns: number;
  /** For layer normalisations. */
  epsilon?: number;
  /** Whether the results are multiplied by a scale, and whether an offset is added. */
  scale?: boolean;
  offset?: boolean;
}

/** An operation of {@linkcode NativeLibrary.compute}. */
export type Operation = Products | RowOperation;

/** The results of a convolution, the gradient of its input, or the gradient of its filter. */
export type Pass = "forward" | "input" | "filter";

/** A pooling that a library computes: averages, or the gradients of these and of maxima. */
export type PoolOperation = "average" | "averageGradient" | "maximumGradient";

/** A native library; addresses are those of the process. */
export interface NativeLibrary {
  /** Name and version: `oneDNN 2.6.3`. */
  readonly name: string;
  /** Fewest rows of a product that it computes faster than our kernel. */
  readonly leastRows: number;
  /** The reason that it is slower than our kernels on this processor, where it is. */
  readonly slow?: string;
  /** Sets the number of threads of the calls that follow. */
  setThreads(count: number): void;
  /** Computes a product. */
  multiply(product: Product, a: bigint, b: bigint, c: bigint): void;
  /**
   * Computes an operation.
   *
   * @param addresses Those of its tensors, 0 for one that is missing: for products `a`, `b`, `c` and
   *   the bias; for a softmax `x` and `y`; for its gradient `dy`, `y` and `dx`; for a layer
   *   normalisation `x`, `y`, scale and offset; for its gradient `dy`, `x`, `dx`, scale, the gradients
   *   of scale and offset, and memory for the mean and for the variance of each row.
   * @returns Whether it has a fast way; otherwise nothing is written.
   */
  compute?(operation: Operation, addresses: readonly bigint[]): boolean;
  /** Whether it has a fast way for this operation. */
  can?(operation: Operation): boolean;
  /**
   * Computes a pass of a convolution of float32 with the channels last.
   *
   * @param source Images: read, or (in the pass `input`) written.
   * @param filter Filter: read, or (in the pass `filter`) written.
   * @param result Results or their gradient: read, or (in the pass `forward`) written.
   */
  convolve?(pass: Pass, c: Convolution, source: bigint, filter: bigint, result: bigint): void;
  /** Whether it has a fast way for this pass. */
  canConvolve?(pass: Pass, c: Convolution): boolean;
  /**
   * Computes a pooling of float32 with the channels last.
   *
   * @param x The input; the gradient of an average does not read it.
   * @param y The results, or for gradients their gradient.
   * @param dx The input's gradient, for gradients.
   * @param memory Eight bytes for each result, which the gradient of a maximum uses.
   */
  pool?(
    operation: PoolOperation,
    c: Convolution,
    ...addresses: [x: bigint, y: bigint, dx: bigint, memory: bigint]
  ): void;
  /** Whether it has a fast way for this pooling. */
  canPool?(operation: PoolOperation, c: Convolution): boolean;
}

/** A native library that computes on the heap of a backend. */
export interface LibraryOnHeap {
  readonly library: NativeLibrary;
  /**
   * Returns the kernels that the library takes over, and those that it adds. Each returns whether it
   * computed; otherwise it has written nothing, and our kernel computes.
   */
  kernelsOver(kernels: Kernels): Record<string, (...args: number[]) => boolean>;
  /** The places of the addresses among the arguments of each kernel that it adds. */
  readonly addresses: Readonly<Record<string, readonly number[]>>;
  /** Whether a product of so many multiply-adds is worth a call of the library. */
  canMultiply(work: number): boolean;
  /** Whether the library computes this pass, and faster than our kernel. */
  canConvolve(pass: Pass, c: Convolution): boolean;
  /** Whether the library computes this operation, and faster than our kernel. */
  canCompute(operation: RowOperation): boolean;
  /** Whether the library computes this pooling, and faster than our kernel. */
  canPool(operation: PoolOperation, c: Convolution): boolean;
}

/** The reason that a native library is not used. */
export type Refusal =
  | { refused: "permission" | "missing" | "symbols" }
  | { refused: "version" | "threads"; found: string };

/** The backend that computes, and its native library with the number of threads, where it has one. */
export interface Computer {
  backend: string;
  native?: string;
}

/** For each backend, the name of its library and its threads; `undefined` without a library. */
const LIBRARIES = new WeakMap<object, string | undefined>();

/** Notes the library that computes for a backend from now on, or that there is no such library. */
export function noteLibrary(backend: object, library?: NativeLibrary, threads = 1): void {
  const count = threads === 1 ? "1 thread" : `${threads} threads`;
  LIBRARIES.set(backend, library && `${library.name}, ${count}`);
}

/** Returns the backend that computes, and its native library. */
export function currentComputer(): Computer {
  const native = LIBRARIES.get(tf.backend());
  return { backend: tf.getBackend(), ...native && { native } };
}
