/**
 * The interface of a native library, the shares of threads in its operations, and the library that
 * computes for each backend.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Convolution, pointsOf, volumeOf } from "../geometry.ts";
import type { ThreadLibrary, Threads } from "../threads.ts";
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
  /** Sets the number of the library's own threads for the calls that follow. */
  setThreads(count: number): void;
  /** The library as our threads open it, where these take shares of its operations. */
  readonly onThreads?: ThreadLibrary;
  /** Gives shares of the operations that follow to these threads, which opened the library. */
  shareWith?(threads: Threads | undefined): void;
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

/** The share of one thread in an operation. */
export interface Share<T> {
  /** The operation on that share. */
  of: T;
  /** Number of elements from the beginning of each tensor to that of the share. Default: 0. */
  offsets: readonly number[];
}

/** Number of pairs of a channel of the input and a channel of the results that depends on it. */
export function pairsOf({ channels, outChannels, depthwise }: Convolution): number {
  return depthwise ? outChannels : channels * outChannels;
}

/** Multiply-adds that take as long as to read an element and to write one. */
const BY_MEMORY = 8;

/** The kind of a tensor in a batch: images, or results. */
const IMAGES = 1, RESULTS = 2;

/** Number of threads, and least number of multiply-adds of a share. */
type Most = [threads: number, least: number];

/** Divides the numbers from 0 up to `count` between threads, at multiples of some number. */
function ranges(
  ...[count, work, [threads, least], multiple = 1]: [number, number, Most, number?]
): [first: number, last: number][] {
  const most = Math.min(threads, Math.floor(work / least), Math.ceil(count / multiple));
  const step = Math.ceil(count / multiple / Math.max(most, 1)) * multiple;
  if (!(most > 1)) return [[0, count]];
  return Array.from(
    { length: Math.ceil(count / step) },
    (_, i) => [i * step, Math.min((i + 1) * step, count)],
  );
}

/** The shares of threads in the examples of a batch; `places` are the kinds of the tensors. */
function sharesOfBatch(
  ...[c, places, work, most]: [Convolution, readonly number[], number, Most]
): Share<Convolution>[] {
  const images = volumeOf(c.input) * c.channels, results = volumeOf(c.output) * c.outChannels;
  return ranges(c.batch, work, most).map(([first, last]) => ({
    of: { ...c, batch: last - first },
    offsets: places.map((kind) => first * (kind === IMAGES ? images : kind && results)),
  }));
}

/** The shares of threads in a pass of a convolution. */
export function sharesOfConvolution(c: Convolution, ...most: Most): Share<Convolution>[] {
  const work = pointsOf(c) * volumeOf(c.filter) * pairsOf(c);
  return sharesOfBatch(c, [IMAGES, 0, RESULTS], work, most);
}

/** The shares of threads in a pooling. */
export function sharesOfPool(
  ...[operation, c, ...most]: [PoolOperation, Convolution, ...Most]
): Share<Convolution>[] {
  const places = operation === "maximumGradient"
    ? [IMAGES, RESULTS, RESULTS, IMAGES, RESULTS]
    : [IMAGES, RESULTS];
  const work = BY_MEMORY * pointsOf(c) * c.channels * volumeOf(c.filter);
  return sharesOfBatch(c, places, work, most);
}

/** The shares of threads in products, or in an operation on rows. */
export function sharesOf(operation: Operation, ...most: Most): Share<Operation>[] {
  if (operation.kind === "products") return sharesOfProducts(operation, most);
  const { kind, rows, columns } = operation;
  // The gradients of scale and offset are sums over all rows.
  if (kind === "layerNormGradient") return [{ of: operation, offsets: [] }];
  return ranges(rows, BY_MEMORY * rows * columns, most).map(([first, last]) => {
    const start = first * columns;
    const offsets = kind === "softmaxGradient" ? [start, start, start] : [start, start];
    return { of: { ...operation, rows: last - first }, offsets };
  });
}

/**
 * Multiply-adds from which a share pays for each element that both threads read, and that is written
 * again later: a processor then takes the memory back from the other one, 16 elements at a time.
 */
const BY_SHARED = 512;

/** Whole matrices, else rows of one, which have no gaps between them, else its columns. */
function sharesOfProducts(p: Products, [threads, least]: Most): Share<Operation>[] {
  const { count, rows, columns, depth, widthA, widthB, widthC } = p;
  const work = count * rows * columns * depth;
  if (count > 1) {
    return ranges(count, work, [threads, least]).map(([first, last]) => ({
      of: { ...p, count: last - first },
      offsets: [first * p.nextA, first * p.nextB, first * rows * widthC],
    }));
  }
  // A product with a transposed matrix is the gradient of weights, which one thread updates.
  const result = p.transposeA ? rows * columns : 0;
  const most = (shared: number): Most => [
    least > 0 && work < BY_SHARED * (shared + result) ? 1 : threads,
    least,
  ];
  if (p.transposeA ? rows >= columns : rows >= 8 * threads) {
    return ranges(rows, work, most(depth * columns), 8).map(([first, last]) => ({
      of: { ...p, rows: last - first },
      offsets: [first * (p.transposeA ? 1 : widthA), 0, first * widthC],
    }));
  }
  return ranges(columns, work, most(rows * depth), 16).map(([first, last]) => ({
    of: { ...p, columns: last - first },
    offsets: [0, first * (p.transposeB ? widthB : 1), first, first],
  }));
}
