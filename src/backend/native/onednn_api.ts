/**
 * The functions of oneDNN that we call: those of every version, and the descriptions of tensors and
 * operations, which 2.x and 3.x make in different ways.
 *
 * @module
 */
import { allocate, openLibrary } from "./foreign.ts";
import type { Pass } from "./native_library.ts";

/** Native types: an address, bytes of this program, and a number. */
const A = "u64", B = "buffer", I = "i32";

/** An array of sizes, as the library reads it. */
type Sizes = BigInt64Array<ArrayBuffer>;

/** A function that returns a status. */
export function call<const P extends readonly Deno.NativeType[]>(...parameters: P) {
  return { parameters, result: "i32" } as const;
}

/** Functions of every version. */
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
  // deno-fmt-ignore
  dnnl_sgemm: call(
    "i8", "i8", "i64", "i64", "i64", "f32", A, "i64", A, "i64", "f32", A, "i64",
  ),
  omp_set_num_threads: { parameters: [I], result: "void" },
} as const;

/** Numbers that are the same in every version. */
export const FLOAT = 3, ANY_LAYOUT = 1, DIRECT = 1, FORWARD_TRAINING = 64;

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

/** Room for a `dnnl_memory_desc_t`, of 696 bytes in 2.6, and a `dnnl_convolution_desc_t`, of 5976. */
const TENSOR_BYTES = 2048, OPERATION_BYTES = 16384;

/**
 * Binds the functions of 2.x, whose descriptions are structures that the caller allocates. The library
 * writes them; the room for each is larger than the structure of any 2.x.
 *
 * @returns `undefined` if a function is missing.
 */
export function descriptions2(names: readonly string[]): Descriptions | undefined {
  const opened = openLibrary(names, {
    dnnl_memory_desc_init_by_tag: call(A, I, B, I, I),
    dnnl_memory_desc_init_by_strides: call(A, I, B, I, B),
    dnnl_dilated_convolution_forward_desc_init: call(A, I, I, A, A, A, A, B, B, B, B),
    dnnl_dilated_convolution_backward_data_desc_init: call(A, I, A, A, A, B, B, B, B),
    dnnl_dilated_convolution_backward_weights_desc_init: call(A, I, A, A, A, A, B, B, B, B),
    dnnl_pooling_forward_desc_init: call(A, I, I, A, A, B, B, B, B),
    dnnl_pooling_backward_desc_init: call(A, I, A, A, B, B, B, B),
    dnnl_primitive_desc_create: call(B, A, A, A, A),
    dnnl_primitive_desc_destroy: call(A),
  });
  if ("refused" in opened) return undefined;
  const { symbols } = opened;
  return {
    tensor(scope, shape, strides) {
      // The scope holds the bytes as long as the library may read them.
      const { address } = scope.add(allocate(TENSOR_BYTES), () => {});
      const [rank, dims] = [shape.length, sizes(shape)];
      const status = strides
        ? symbols.dnnl_memory_desc_init_by_strides(address, rank, dims, FLOAT, sizes(strides))
        : symbols.dnnl_memory_desc_init_by_tag(address, rank, dims, FLOAT, ANY_LAYOUT);
      check(status, "description of a tensor");
      return address;
    },
    convolution(scope, pass, c, engine, forward) {
      const { address } = scope.add(allocate(OPERATION_BYTES), () => {});
      const { source, filter, result, strides, dilations, before, behind } = c;
      const geometry = [strides, dilations, before, behind] as [Sizes, Sizes, Sizes, Sizes];
      const describe = {
        forward: () =>
          symbols.dnnl_dilated_convolution_forward_desc_init(
            ...[address, FORWARD_TRAINING, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
          ),
        input: () =>
          symbols.dnnl_dilated_convolution_backward_data_desc_init(
            ...[address, DIRECT, source, filter, result] as const,
            ...geometry,
          ),
        filter: () =>
          symbols.dnnl_dilated_convolution_backward_weights_desc_init(
            ...[address, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
          ),
      };
      check(describe[pass](), "description of a convolution");
      return scope.add(
        make(
          "choice of a convolution",
          (out) => symbols.dnnl_primitive_desc_create(out, address, 0n, engine, forward),
        ),
        symbols.dnnl_primitive_desc_destroy,
      );
    },
    pool(scope, kind, { source, result, ...p }, engine, forward) {
      const { address } = scope.add(allocate(OPERATION_BYTES), () => {});
      const windows = [p.strides, p.window, p.before, p.behind] as [Sizes, Sizes, Sizes, Sizes];
      const status = forward
        ? symbols.dnnl_pooling_backward_desc_init(address, kind, source, result, ...windows)
        : symbols.dnnl_pooling_forward_desc_init(
          ...[address, FORWARD_TRAINING, kind, source, result] as const,
          ...windows,
        );
      check(status, "description of a pooling");
      return scope.add(
        make(
          "choice of a pooling",
          (out) => symbols.dnnl_primitive_desc_create(out, address, 0n, engine, forward),
        ),
        symbols.dnnl_primitive_desc_destroy,
      );
    },
  };
}

/**
 * Binds the functions of 3.x, whose descriptions are objects of the library.
 *
 * @returns `undefined` if a function is missing.
 */
export function descriptions3(names: readonly string[]): Descriptions | undefined {
  const opened = openLibrary(names, {
    dnnl_memory_desc_create_with_tag: call(B, I, B, I, I),
    dnnl_memory_desc_create_with_strides: call(B, I, B, I, B),
    dnnl_memory_desc_destroy: call(A),
    dnnl_convolution_forward_primitive_desc_create: call(B, A, I, I, A, A, A, A, B, B, B, B, A),
    dnnl_convolution_backward_data_primitive_desc_create: call(
      ...[B, A, I, A, A, A, B, B, B, B, A, A] as const,
    ),
    dnnl_convolution_backward_weights_primitive_desc_create: call(
      ...[B, A, I, A, A, A, A, B, B, B, B, A, A] as const,
    ),
    dnnl_pooling_forward_primitive_desc_create: call(B, A, I, I, A, A, B, B, B, B, B, A),
    dnnl_pooling_backward_primitive_desc_create: call(B, A, I, A, A, B, B, B, B, B, A, A),
    dnnl_primitive_desc_destroy: call(A),
  });
  if ("refused" in opened) return undefined;
  const { symbols } = opened;
  return {
    tensor(scope, shape, strides) {
      const [rank, dims] = [shape.length, sizes(shape)];
      const description = make(
        "description of a tensor",
        (out) =>
          strides
            ? symbols.dnnl_memory_desc_create_with_strides(out, rank, dims, FLOAT, sizes(strides))
            : symbols.dnnl_memory_desc_create_with_tag(out, rank, dims, FLOAT, ANY_LAYOUT),
      );
      return scope.add(description, symbols.dnnl_memory_desc_destroy);
    },
    convolution(scope, pass, c, engine, forward) {
      const { source, filter, result, strides, dilations, before, behind } = c;
      const geometry = [strides, dilations, before, behind] as [Sizes, Sizes, Sizes, Sizes];
      const create = {
        forward: (out: BigUint64Array<ArrayBuffer>) =>
          symbols.dnnl_convolution_forward_primitive_desc_create(
            ...[out, engine, FORWARD_TRAINING, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
            0n,
          ),
        input: (out: BigUint64Array<ArrayBuffer>) =>
          symbols.dnnl_convolution_backward_data_primitive_desc_create(
            ...[out, engine, DIRECT, source, filter, result] as const,
            ...geometry,
            ...[forward, 0n] as const,
          ),
        filter: (out: BigUint64Array<ArrayBuffer>) =>
          symbols.dnnl_convolution_backward_weights_primitive_desc_create(
            ...[out, engine, DIRECT, source, filter, 0n, result] as const,
            ...geometry,
            ...[forward, 0n] as const,
          ),
      };
      return scope.add(
        make("choice of a convolution", create[pass]),
        symbols.dnnl_primitive_desc_destroy,
      );
    },
    pool(scope, kind, { source, result, ...p }, engine, forward) {
      // Without dilation.
      const windows = [p.strides, p.window, sizes([]), p.before, p.behind] as [
        ...[Sizes, Sizes, Sizes, Sizes, Sizes],
      ];
      return scope.add(
        make(
          "choice of a pooling",
          (out) =>
            forward
              ? symbols.dnnl_pooling_backward_primitive_desc_create(
                ...[out, engine, kind, source, result] as const,
                ...windows,
                ...[forward, 0n] as const,
              )
              : symbols.dnnl_pooling_forward_primitive_desc_create(
                ...[out, engine, FORWARD_TRAINING, kind, source, result] as const,
                ...windows,
                0n,
              ),
        ),
        symbols.dnnl_primitive_desc_destroy,
      );
    },
  };
}
