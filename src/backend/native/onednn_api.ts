/**
 * The functions of oneDNN that every version has and the objects that they make, and the descriptions
 * of tensors and operations, which each generation makes in its own way.
 *
 * @module
 */
import { allocate, lazily, textAt } from "./foreign.ts";
import type { Pass } from "./native_library.ts";

/** Native types: an address, bytes of this program, and a number. */
export const A = "u64", B = "buffer", I = "i32";

/** An array of sizes, as the library reads it. */
export type Sizes = BigInt64Array<ArrayBuffer>;

/** A function that returns a status. */
export function call<const P extends readonly Deno.NativeType[]>(...parameters: P) {
  return { parameters, result: "i32" } as const;
}

/** Functions of every version. */
export const COMMON_SYMBOLS = {
  omp_set_num_threads: { parameters: [I], result: "void" },
  dnnl_engine_create: call(B, I, "usize"),
  dnnl_stream_create: call(B, A, "u32"),
  dnnl_memory_create: call(B, A, A, A),
  dnnl_memory_destroy: call(A),
  dnnl_memory_set_data_handle: call(A, A),
  dnnl_memory_desc_get_size: { parameters: [A], result: "usize" },
  dnnl_primitive_desc_query: call(A, I, I, B),
  dnnl_primitive_desc_query_md: { parameters: [A, I, I], result: A },
  dnnl_primitive_desc_destroy: call(A),
  dnnl_primitive_create: call(B, A),
  dnnl_primitive_destroy: call(A),
  dnnl_primitive_execute: call(A, A, I, A),
  dnnl_primitive_attr_create: call(B),
  dnnl_primitive_attr_set_scratchpad_mode: call(A, I),
} as const;

/** Functions for another layout of filters. */
const REORDER_SYMBOLS = {
  dnnl_memory_desc_equal: call(A, A),
  dnnl_reorder_primitive_desc_create: call(B, A, A, A, A, A),
  dnnl_primitive_attr_set_post_ops: call(A, A),
  dnnl_post_ops_create: call(B),
  // 2.x has the first two arguments.
  dnnl_post_ops_append_sum: call(A, "f32", I, I),
} as const;

/** A product that is not prepared. */
const PRODUCT_SYMBOLS = {
  // deno-fmt-ignore
  dnnl_sgemm: call(
    "i8", "i8", "i64", "i64", "i64", "f32", A, "i64", A, "i64", "f32", A, "i64",
  ),
} as const;

/** Functions of every version. */
export type Symbols = Deno.DynamicLibrary<typeof COMMON_SYMBOLS>["symbols"];

/** Number of an engine on the CPU. */
const CPU = 1;

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

/** Queries: the name of an implementation, and the layout of its intermediate results. */
const IMPLEMENTATION = 8, SCRATCH_LAYOUT = 136;
/** Names of arguments. */
export const SOURCE = 1, RESULT = 17, SCRATCH = 80;
/** The caller gives memory for intermediate results. */
const OWN_SCRATCH = 1;

/** One call of the library. */
export interface Step {
  primitive: bigint;
  /** Address and number of its arguments. */
  args: bigint;
  count: number;
  /** The memory of its intermediate results; 0 if it has none. */
  scratch: bigint;
}

/** The names of a step's arguments, with their tensors. */
export type Arguments = [name: number, memory: bigint][];

/** Makes objects of an engine. */
export class OneDnnObjects {
  /** Bytes of the largest intermediate results of a step. */
  #scratchBytes = 0;
  /** Memory for intermediate results, by thread. */
  readonly #scratches: ReturnType<typeof allocate>[] = [];
  readonly engine: bigint;
  /** Attributes of every operation. */
  readonly attributes: bigint;
  readonly reorderings: () => Deno.DynamicLibrary<typeof REORDER_SYMBOLS>["symbols"];
  readonly products: () => Deno.DynamicLibrary<typeof PRODUCT_SYMBOLS>["symbols"];
  #adding: bigint | undefined;

  constructor(names: readonly string[], readonly symbols: Symbols) {
    this.reorderings = lazily(names, REORDER_SYMBOLS);
    this.products = lazily(names, PRODUCT_SYMBOLS);
    this.engine = make("engine", (out) => symbols.dnnl_engine_create(out, CPU, 0n));
    this.attributes = this.#makeAttributes();
  }

  #makeAttributes(): bigint {
    const { dnnl_primitive_attr_create: create, dnnl_primitive_attr_set_scratchpad_mode: set } =
      this.symbols;
    const attributes = make("attributes", create);
    check(set(attributes, OWN_SCRATCH), "attributes");
    return attributes;
  }

  /** Attributes of a copy that adds to its result. */
  get adding(): bigint {
    if (this.#adding) return this.#adding;
    const symbols = this.reorderings(), attributes = this.#makeAttributes();
    const after = make("addition", symbols.dnnl_post_ops_create);
    check(symbols.dnnl_post_ops_append_sum(after, 1, 0, 0), "addition");
    check(symbols.dnnl_primitive_attr_set_post_ops(attributes, after), "addition");
    return (this.#adding = attributes);
  }

  /** The address of memory for the intermediate results of a thread. */
  scratchOf(thread: number): bigint {
    const known = this.#scratches[thread];
    if (known?.bytes.byteLength >= this.#scratchBytes) return known.address;
    return (this.#scratches[thread] = allocate(this.#scratchBytes)).address;
  }

  /** The name of the implementation that a description chose. */
  nameOf(description: bigint): string {
    const name = new BigUint64Array(1);
    this.symbols.dnnl_primitive_desc_query(description, IMPLEMENTATION, 0, name);
    return textAt(name[0]);
  }

  /** A tensor at an address; the library reads its description now. */
  memory(scope: Scope, description: bigint, address = 0n): bigint {
    return scope.add(
      make(
        "tensor",
        (out) => this.symbols.dnnl_memory_create(out, description, this.engine, address),
      ),
      this.symbols.dnnl_memory_destroy,
    );
  }

  /** A call of the operation that was chosen for a description. */
  step(scope: Scope, description: bigint, memories: Arguments): Step {
    const primitive = scope.add(
      make("primitive", (out) => this.symbols.dnnl_primitive_create(out, description)),
      this.symbols.dnnl_primitive_destroy,
    );
    const { dnnl_primitive_desc_query_md: layoutOf, dnnl_memory_desc_get_size: sizeOf } =
      this.symbols;
    const layout = layoutOf(description, SCRATCH_LAYOUT, 0);
    const needed = layout ? Number(sizeOf(layout)) : 0;
    this.#scratchBytes = Math.max(this.#scratchBytes, needed);
    const scratch = needed > 0 ? this.memory(scope, layout) : 0n;
    const all: Arguments = scratch ? [...memories, [SCRATCH, scratch]] : memories;
    const { bytes, address } = scope.add(allocate(16 * all.length), () => {});
    const view = new DataView(bytes);
    all.forEach(([name, memory], i) => {
      view.setInt32(i * 16, name, true);
      view.setBigUint64(i * 16 + 8, memory, true);
    });
    return { primitive, args: address, count: all.length, scratch };
  }

  /** A copy of a tensor in another layout; with the attributes `adding`, it is added. */
  reorder(
    scope: Scope,
    temporary: Scope,
    ...[[from, source, to, target], attributes]: [[bigint, bigint, bigint, bigint], bigint]
  ): Step {
    const { dnnl_reorder_primitive_desc_create: create } = this.reorderings();
    const description = temporary.add(
      make("reordering", (out) => create(out, from, this.engine, to, this.engine, attributes)),
      this.symbols.dnnl_primitive_desc_destroy,
    );
    return this.step(scope, description, [[SOURCE, source], [RESULT, target]]);
  }
}
