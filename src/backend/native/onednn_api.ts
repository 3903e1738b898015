/**
 * The functions of oneDNN that every version has, and the descriptions of tensors and operations,
 * which each generation makes in its own way.
 *
 * @module
 */
import type { Pass } from "./native_library.ts";

/** Native types: an address, bytes of this program, and a number. */
export const A = "u64", B = "buffer", I = "i32";

/** An array of sizes, as the library reads it. */
export type Sizes = BigInt64Array<ArrayBuffer>;

/** A function that returns a status. */
export function call<const P extends readonly Deno.NativeType[]>(...parameters: P) {
  return { parameters, result: "i32" } as const;
}

/** Functions of products, of every version. */
export const PRODUCT_SYMBOLS = {
  // deno-fmt-ignore
  dnnl_sgemm: call(
    "i8", "i8", "i64", "i64", "i64", "f32", A, "i64", A, "i64", "f32", A, "i64",
  ),
  omp_set_num_threads: { parameters: [I], result: "void" },
} as const;

/** The other functions of every version. */
export const COMMON_SYMBOLS = {
  dnnl_engine_create: call(B, I, "usize"),
  dnnl_stream_create: call(B, A, "u32"),
  dnnl_memory_create: call(B, A, A, A),
  dnnl_memory_destroy: call(A),
  dnnl_memory_set_data_handle: call(A, A),
  dnnl_memory_desc_equal: call(A, A),
  dnnl_memory_desc_get_size: { parameters: [A], result: "usize" },
  dnnl_primitive_desc_query: call(A, I, I, B),
  dnnl_primitive_desc_query_md: { parameters: [A, I, I], result: A },
  dnnl_primitive_desc_destroy: call(A),
  dnnl_reorder_primitive_desc_create: call(B, A, A, A, A, A),
  dnnl_primitive_create: call(B, A),
  dnnl_primitive_destroy: call(A),
  dnnl_primitive_execute: call(A, A, I, A),
} as const;

/** Numbers that are the same in every version. */
export const FLOAT = 3, ANY_LAYOUT = 1, DIRECT = 1;
/** Numbers of passes: with what a gradient needs, without it, and gradients. */
export const FORWARD_TRAINING = 64, FORWARD_INFERENCE = 96, BACKWARD = 128;

/** A description of a convolution, by addresses of descriptions of its tensors. */
export interface Described {
  source: bigint;
  filter: bigint;
  result: bigint;
  strides: BigInt64Array;
  /** Elements of the image between two elements of the filter, minus 1. */
  dilations: BigInt64Array;
  before: BigInt64Array;
  behind: BigInt64Array;
}

/** A description of a pooling, by addresses of descriptions of its tensors. */
export interface DescribedPool {
  source: bigint;
  result: bigint;
  window: BigInt64Array;
  strides: BigInt64Array;
  before: BigInt64Array;
  behind: BigInt64Array;
}

/** Numbers of poolings: the maximum, and the mean of the pixels within the input. */
export const MAXIMUM = 0x1ff, AVERAGE = 0x3ff;

/** A description of a layer normalisation, by addresses of descriptions of its tensors. */
export interface DescribedNorm {
  /** Input and results, `[rows, columns]`. */
  rows: bigint;
  /** Mean and variance of each row, `[rows]`. */
  statistics: bigint;
  epsilon: number;
  /** Whether the results are multiplied by a scale, and whether an offset is added. */
  scale: boolean;
  offset: boolean;
}

/** Descriptions of tensors and of operations, which each generation makes in its own way. */
export interface Descriptions {
  /**
   * Describes a tensor of float32; without strides the library chooses the layout.
   *
   * @returns The address of the description; `scope` frees it.
   */
  tensor(scope: Scope, shape: number[], strides?: number[]): bigint;
  /** Describes a convolution; a gradient needs the description of its forward pass. */
  convolution(scope: Scope, pass: Pass, c: Described, engine: bigint, forward: bigint): bigint;
  /** Describes a pooling, or its gradient where the description of its forward pass is given. */
  pool(scope: Scope, kind: number, p: DescribedPool, engine: bigint, forward: bigint): bigint;
  /** Describes a product of batches of matrices; `bias` is 0 if it is missing. */
  product(
    ...[scope, a, b, bias, c, engine]: [Scope, ...[bigint, bigint, bigint, bigint], bigint]
  ): bigint;
  /** Describes the softmax of rows, or its gradient where that of its forward pass is given. */
  softmax(scope: Scope, rows: bigint, engine: bigint, forward: bigint): bigint;
  /** Describes a layer normalisation in a pass. */
  layerNorm(
    ...[scope, pass, norm, engine, forward]: [Scope, number, DescribedNorm, bigint, bigint]
  ): bigint;
}

/** Objects of the library that are freed together. */
export class Scope {
  readonly #free: (() => void)[] = [];

  /** Keeps an object until the scope is closed, and frees it then. */
  add<T>(object: T, free: (object: T) => void): T {
    this.#free.push(() => free(object));
    return object;
  }

  /** Frees the newest first. */
  close(): void {
    for (let free; (free = this.#free.pop());) free();
  }
}

/** Calls a function that writes an address, and returns that. */
export function make(what: string, create: (out: BigUint64Array<ArrayBuffer>) => number): bigint {
  const out = new BigUint64Array(1);
  check(create(out), what);
  return out[0];
}

/** @throws {Error} If a call failed. */
export function check(status: number, what: string): void {
  if (status !== 0) throw new Error(`Cannot compute: oneDNN's ${what} failed with ${status}.`);
}

/** An array of twelve sizes, as the library reads them. */
export function sizes(values: readonly number[]): BigInt64Array<ArrayBuffer> {
  const array = new BigInt64Array(12);
  values.forEach((value, i) => array[i] = BigInt(value));
  return array;
}
