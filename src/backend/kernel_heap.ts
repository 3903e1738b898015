/**
 * Our kernels on the heap of tfjs's WebAssembly backend.
 *
 * @module
 */
import type { BackendWasm, tf } from "../deps/tfjs.ts";
import { emscriptenOf, type Kernels } from "./wasm_modules.ts";
import type { LibraryOnHeap } from "./native/native_library.ts";
import type { Threads } from "./threads.ts";

/** The split of one call of a kernel between threads; each result is made by one thread. */
export interface Split {
  /** Index of the argument that says where to begin; the next argument says where to end. */
  argument: number;
  /** Parts begin at multiples of this number. */
  multiple: number;
  /** Multiply-adds of the whole call, or as many as take the same time. */
  work: number;
}

/** Follows what kernels do to a heap, while a step is recorded. */
export interface HeapObserver {
  /** A kernel is called. */
  calls(name: string, args: number[], split?: Split): void;
  /** A table was written; `addresses` are the places of its numbers that are addresses. */
  wroteTable(address: number, values: readonly number[], addresses: readonly number[]): void;
  /** Scratch memory was prepared. */
  prepared(address: number, zeros: number, more: number): void;
  /** Memory that all threads read was reserved. */
  reserved(address: number, bytes: number): void;
}

/** Multiply-adds below which a call is done before another thread has begun. */
export const WORTHWHILE = 400_000;

/**
 * Tensors of one backend as addresses, and scratch memory between them.
 *
 * Scratch memory is allocated once, grows to the size that the largest call needs, and stays.
 */
export class KernelHeap {
  /** One region for each thread, the main thread first. */
  readonly #scratches: Region[];
  readonly #table: Region;
  readonly #shared: Region;
  /** Size of each scratch memory, and how much of it is known to be zeros, in bytes. */
  #bytes = 0;
  #zeros = 0;
  /** Bytes that the scratch memory of each thread has at least. */
  readonly scratchBytes: number;
  /** Number of times that scratch or shared memory has moved. */
  #moves = 0;
  #words: Int32Array | undefined;
  /** Follows all calls. Default: none does. */
  observer: HeapObserver | undefined;
  /** The places of the addresses among each kernel's arguments. */
  readonly addresses: Readonly<Record<string, readonly number[]>>;
  /** Our kernels. */
  readonly #own: Kernels;
  /** Kernels of the native library, which are not split; each returns whether it computed. */
  readonly #native: Record<string, (...args: number[]) => boolean>;

  /**
   * Adopts a backend.
   *
   * @param backend The owner of the heap.
   * @param kernels The module, instantiated on that heap.
   * @param addresses The places of the addresses among each kernel's arguments.
   * @param threads Other threads on that heap.
   * @param native A native library that computes some of the kernels, with threads of its own.
   */
  constructor(
    readonly backend: BackendWasm,
    readonly kernels: Kernels,
    addresses: Readonly<Record<string, readonly number[]>>,
    readonly threads?: Threads,
    readonly native?: LibraryOnHeap,
  ) {
    this.#native = native?.kernelsOver(kernels) ?? {};
    this.#own = kernels;
    this.kernels = { ...kernels };
    for (const [name, compute] of Object.entries(this.#native)) {
      const own = kernels[name];
      this.kernels[name] = (...args) => compute(...args) ? 0 : own(...args);
    }
    this.addresses = { ...addresses, ...native?.addresses };
    this.scratchBytes = kernels.scratchBytes();
    const count = 1 + (threads?.count ?? 0);
    const region = () => new Region(backend, () => this.#moves++);
    this.#scratches = Array.from({ length: count }, region);
    this.#table = region();
    this.#shared = region();
  }

  /** Number of times that scratch or shared memory has moved: addresses in it are then stale. */
  get moves(): number {
    return this.#moves;
  }

  /** The address of a tensor's first element. */
  at(tensor: tf.TensorInfo): number {
    return this.backend.dataIdMap.get(tensor.dataId).memoryOffset;
  }

  /** A new tensor whose elements are not set. */
  output(shape: number[], dtype: tf.DataType = "float32"): tf.TensorInfo {
    return this.backend.makeOutput(shape, dtype);
  }

  /** A new tensor of these elements; complex numbers are pairs of real and imaginary part. */
  outputOf(
    shape: number[],
    dtype: tf.DataType,
    values: ArrayLike<number> | Uint8Array[],
  ): tf.TensorInfo {
    if (dtype === "string") {
      return this.backend.makeOutput(shape, dtype, undefined, values as never);
    }
    const result = this.output(shape, dtype);
    this.elements(result).set(values as ArrayLike<number>);
    return result;
  }

  /**
   * The elements of a tensor in place; complex numbers are pairs of real and imaginary part.
   *
   * They are valid until the next tensor is made, because a heap that grows detaches old views.
   */
  elements({ shape, dtype, dataId }: tf.TensorInfo): Float32Array | Int32Array | Uint8Array {
    const size = shape.reduce((size, n) => size * n, 1);
    const { buffer } = emscriptenOf(this.backend).HEAPU8;
    const { memoryOffset } = this.backend.dataIdMap.get(dataId);
    if (dtype === "float32") return new Float32Array(buffer, memoryOffset, size);
    if (dtype === "int32") return new Int32Array(buffer, memoryOffset, size);
    if (dtype === "complex64") return new Float32Array(buffer, memoryOffset, size * 2);
    return new Uint8Array(buffer, memoryOffset, size);
  }

  /** The elements of `tensor` under another shape, without a copy. */
  alias(tensor: tf.TensorInfo, shape: number[] = tensor.shape): tf.TensorInfo {
    this.backend.incRef(tensor.dataId);
    return { dataId: tensor.dataId, shape, dtype: tensor.dtype };
  }

  /** Whether no other tensor shares the elements of `tensor`. */
  isSole(tensor: tf.TensorInfo): boolean {
    return this.backend.refCount(tensor.dataId) === 1;
  }

  /**
   * Writes 32-bit integers to memory that keeps them until the next call.
   *
   * @param values The integers.
   * @param addresses The places of those that are addresses. Default: none.
   */
  table(values: number[], addresses: readonly number[] = []): number {
    const address = this.#table.atLeast(values.length * 4);
    this.#wordsOfHeap.set(values, address >>> 2);
    this.observer?.wroteTable(address, values, addresses);
    return address;
  }

  /** The address of memory that all threads read; it is valid until the next call. */
  shared(bytes: number): number {
    const address = this.#shared.atLeast(bytes);
    this.observer?.reserved(address, bytes);
    return address;
  }

  /**
   * The address of the main thread's scratch memory; the other threads have as much.
   *
   * @param zeros Minimum number of zeros behind the packed blocks.
   * @param more Minimum number of bytes behind the zeros.
   */
  scratch(zeros = 0, more = 0): number {
    const bytes = Math.max(zeros, 1024) * 4;
    const all = this.scratchBytes + bytes + more;
    const moves = all > this.#bytes;
    this.#bytes = Math.max(all, this.#bytes);
    for (const region of moves || bytes > this.#zeros ? this.#scratches : []) {
      const start = region.atLeast(this.#bytes) + this.scratchBytes;
      this.#bytesOfHeap.fill(0, start, start + bytes);
    }
    // This call writes to the memory behind its zeros.
    this.#zeros = more > 0 || moves ? bytes : Math.max(bytes, this.#zeros);
    const address = this.#scratches[0].atLeast(0);
    this.observer?.prepared(address, zeros, more);
    return address;
  }

  /** The heap as integers: one view until the heap grows, as a view costs more than a short table. */
  get #wordsOfHeap(): Int32Array {
    const { buffer } = this.#bytesOfHeap;
    if (this.#words?.buffer !== buffer) this.#words = new Int32Array(buffer);
    return this.#words;
  }

  /** The heap, past the seam at which a recording sees kernels that work in JavaScript. */
  get #bytesOfHeap(): Uint8Array {
    const module = emscriptenOf(this.backend);
    return (module.original ?? module).HEAPU8;
  }

  /**
   * Calls a kernel.
   *
   * @param name Name of the kernel.
   * @param args Its arguments; the last argument of a call that can be split is scratch memory.
   * @param split How several threads can share the call.
   */
  run(name: string, args: number[], split?: Split): void {
    this.observer?.calls(name, args, split);
    if (this.#native[name]?.(...args)) return;
    const threads = this.threads;
    if (!threads || !split || split.work < WORTHWHILE) {
      this.#own[name](...args);
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
    const parts = Array.from({ length: threads.count }, (_, i) => part(i + 1));
    parts.forEach((args, i) => threads.begin(i, name, args));
    this.#own[name](...part(0));
    parts.forEach((args, i) => threads.takeBack(i) && this.#own[name](...args));
    parts.forEach((_, i) => threads.finish(i));
  }
}

/** The heap of our kernels on each backend. */
const HEAPS = new WeakMap<object, KernelHeap>();

/** The heap of our kernels on a backend; `undefined` if the backend has none. */
export function heapOf(backend: object): KernelHeap | undefined {
  return HEAPS.get(backend);
}

/** Makes our kernels work on this heap from now on, on its backend. */
export function useHeap(heap: KernelHeap): void {
  HEAPS.set(heap.backend, heap);
}

/** Memory that grows. */
class Region {
  #address = 0;
  #bytes = 0;

  constructor(readonly backend: BackendWasm, readonly onMove: () => void) {}

  atLeast(bytes: number): number {
    if (bytes > this.#bytes) {
      const module = emscriptenOf(this.backend);
      if (this.#address) module._free(this.#address);
      this.#address = module._malloc(bytes) >>> 0;
      this.#bytes = bytes;
      this.onMove();
    }
    return this.#address;
  }
}
