/**
 * Our kernels on the heap of tfjs's WebAssembly backend.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";

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

/**
 * Tensors of one backend as addresses, and scratch memory between them.
 *
 * Scratch memory is allocated once, grows to what the largest call needs and stays.
 */
export class Heap {
  #scratch: Region;
  #table: Region;
  #zeros = 0;
  readonly #fixed: number;

  /**
   * Adopts a backend.
   *
   * @param backend Whose heap it is.
   * @param kernels The module, instantiated on that heap.
   */
  constructor(readonly backend: BackendWasm, readonly kernels: Kernels) {
    this.#fixed = kernels.scratchBytes();
    this.#scratch = new Region(backend);
    this.#table = new Region(backend);
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
  table(values: number[], spare = 0): number {
    const address = this.#table.atLeast((values.length + spare) * 4);
    new Int32Array(moduleOf(this.backend).HEAPU8.buffer, address, values.length).set(values);
    return address;
  }

  /** The address of `bytes` of scratch memory, for packed blocks and `zeros` zeros behind. */
  scratch(zeros = 0): number {
    const bytes = Math.max(zeros, 1024) * 4;
    const address = this.#scratch.atLeast(this.#fixed + bytes);
    if (bytes > this.#zeros) {
      const start = address + this.#fixed;
      moduleOf(this.backend).HEAPU8.fill(0, start, start + bytes);
      this.#zeros = bytes;
    }
    return address;
  }

  /** Calls a kernel. */
  run(name: string, ...args: number[]): void {
    this.kernels[name](...args);
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
