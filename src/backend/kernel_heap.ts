/**
 * Our kernels on the heap of tfjs's WebAssembly backend.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import type { Threads } from "./threads.ts";

/** The functions of the compiled module; addresses and flags are numbers. */
export type Kernels = Record<string, (...args: number[]) => number>;

/** What we use of the emscripten module in which tfjs's kernels live. */
export interface Emscripten {
  /** The heap as bytes; replaced when the heap grows. */
  HEAPU8: Uint8Array;
  /** Allocates; 0 if there is no room. */
  _malloc(bytes: number): number;
  /** Frees what was allocated. */
  _free(address: number): void;
  /** What the module exports. */
  asm: { memory: WebAssembly.Memory };
}

/** The module of a backend. */
export function moduleOf(backend: BackendWasm): Emscripten {
  return backend.wasm as unknown as Emscripten;
}

/** The internals of a backend that our kernels rely on and this one lacks; by name. */
export function missingInternals(backend: BackendWasm): string[] {
  const module: Partial<Emscripten> = backend.wasm ? moduleOf(backend) : {};
  const needed: Record<string, boolean> = {
    "wasm.asm.memory": module.asm?.memory instanceof WebAssembly.Memory,
    "wasm.HEAPU8": module.HEAPU8 instanceof Uint8Array,
    dataIdMap: typeof backend.dataIdMap?.get === "function",
  };
  for (const name of ["_malloc", "_free"] as const) {
    needed[`wasm.${name}`] = typeof module[name] === "function";
  }
  for (const name of ["makeOutput", "incRef", "refCount", "typedArrayFromHeap"] as const) {
    needed[name] = typeof backend[name] === "function";
  }
  return Object.keys(needed).filter((name) => !needed[name]);
}

/** How one call of a kernel may be split between threads; each result is made by one of them. */
export interface Split {
  /** The index of the argument that says where to begin; the one behind it says where to end. */
  argument: number;
  /** Parts begin at multiples of it. */
  multiple: number;
  /** Multiply-adds of the whole call, or what takes as long. */
  work: number;
}

/** Below this, a call is done before another thread has begun. */
const worthwhile = 400_000;

/**
 * Tensors of one backend as addresses, and scratch memory between them.
 *
 * Scratch memory is allocated once, grows to what the largest call needs and stays.
 */
export class Heap {
  /** For each thread, the main one first. */
  readonly #scratches: Region[];
  readonly #table: Region;
  readonly #shared: Region;
  /** Of each scratch memory: its size, and how much of it is known to be zeros, in bytes. */
  #bytes = 0;
  #zeros = 0;
  readonly #fixed: number;

  /**
   * Adopts a backend.
   *
   * @param backend Whose heap it is.
   * @param kernels The module, instantiated on that heap.
   * @param threads More threads on that heap.
   */
  constructor(
    readonly backend: BackendWasm,
    readonly kernels: Kernels,
    readonly threads?: Threads,
  ) {
    this.#fixed = kernels.scratchBytes();
    const count = 1 + (threads?.count ?? 0);
    this.#scratches = Array.from({ length: count }, () => new Region(backend));
    this.#table = new Region(backend);
    this.#shared = new Region(backend);
  }

  /** The address of a tensor's first element. */
  at(tensor: tf.TensorInfo): number {
    return this.backend.dataIdMap.get(tensor.dataId).memoryOffset;
  }

  /** A new tensor whose elements are not set. */
  output(shape: number[], dtype: tf.DataType = "float32"): tf.TensorInfo {
    return this.backend.makeOutput(shape, dtype);
  }

  /** `tensor` under another shape: the same elements, not a copy. */
  alias(tensor: tf.TensorInfo, shape: number[] = tensor.shape): tf.TensorInfo {
    this.backend.incRef(tensor.dataId);
    return { dataId: tensor.dataId, shape, dtype: tensor.dtype };
  }

  /** Whether nobody but the holder of `tensor` sees its elements. */
  isSole(tensor: tf.TensorInfo): boolean {
    return this.backend.refCount(tensor.dataId) === 1;
  }

  /** Writes 32-bit integers to memory that stays as it is until the next call. */
  table(values: number[]): number {
    const address = this.#table.atLeast(values.length * 4);
    new Int32Array(moduleOf(this.backend).HEAPU8.buffer, address, values.length).set(values);
    return address;
  }

  /** The address of memory that all threads read; it stays as it is until the next call. */
  shared(bytes: number): number {
    return this.#shared.atLeast(bytes);
  }

  /**
   * The address of scratch memory of the main thread; the others have as much.
   *
   * @param zeros How many zeros, at least, lie behind the packed blocks.
   * @param more How many bytes lie behind the zeros, at least.
   */
  scratch(zeros = 0, more = 0): number {
    const bytes = Math.max(zeros, 1024) * 4;
    const all = this.#fixed + bytes + more;
    const moves = all > this.#bytes;
    this.#bytes = Math.max(all, this.#bytes);
    for (const region of moves || bytes > this.#zeros ? this.#scratches : []) {
      const start = region.atLeast(this.#bytes) + this.#fixed;
      moduleOf(this.backend).HEAPU8.fill(0, start, start + bytes);
    }
    // What lies behind the zeros of this call is written to.
    this.#zeros = more > 0 || moves ? bytes : Math.max(bytes, this.#zeros);
    return this.#scratches[0].atLeast(0);
  }

  /**
   * Calls a kernel.
   *
   * @param name Of the kernel.
   * @param args Its arguments; the last one of a call that may be split is scratch memory.
   * @param split How several threads may share it.
   */
  run(name: string, args: number[], split?: Split): void {
    const threads = this.threads;
    if (!threads || !split || split.work < worthwhile) {
      this.kernels[name](...args);
      return;
    }
    const { argument, multiple } = split;
    const first = args[argument], last = args[argument + 1];
    const steps = Math.ceil((last - first) / multiple / (threads.count + 1));
    const part = (i: number): number[] => {
      const own = [...args.slice(0, -1), this.#scratches[i].atLeast(0)];
      own[argument] = Math.min(first + i * steps * multiple, last);
      own[argument + 1] = Math.min(own[argument] + steps * multiple, last);
      return own;
    };
    for (let i = 0; i < threads.count; i++) threads.begin(i, name, part(i + 1));
    this.kernels[name](...part(0));
    for (let i = 0; i < threads.count; i++) threads.finish(i);
  }
}

/** Memory that grows. */
class Region {
  #address = 0;
  #bytes = 0;

  constructor(readonly backend: BackendWasm) {}

  atLeast(bytes: number): number {
    if (bytes > this.#bytes) {
      const module = moduleOf(this.backend);
      if (this.#address) module._free(this.#address);
      this.#address = module._malloc(bytes) >>> 0;
      this.#bytes = bytes;
    }
    return this.#address;
  }
}
