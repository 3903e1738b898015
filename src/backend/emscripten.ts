/**
 * The parts that we use of the emscripten module with tfjs's WebAssembly kernels, and repairs of it.
 *
 * @module
 */
import type { BackendWasm } from "../deps/tfjs_wasm.ts";

/** The heap of the module and its allocator. */
export interface Emscripten {
  /** The heap as bytes; replaced when the heap grows. */
  HEAPU8: Uint8Array;
  /** Allocates bytes; returns 0 if there is no room. */
  _malloc(bytes: number): number;
  /** Frees what was allocated. */
  _free(address: number): void;
  /** The exports of the module. */
  asm: { memory: WebAssembly.Memory };
  /** The module itself, where this is a view of it that a recording watches. */
  original?: Emscripten;
}

/** The emscripten module of a backend. */
export function emscriptenOf(backend: BackendWasm): Emscripten {
  return backend.wasm as unknown as Emscripten;
}

/** Names of the internals that our kernels rely on and that this backend lacks. */
export function missingInternals(backend: BackendWasm): string[] {
  const module: Partial<Emscripten> = backend.wasm ? emscriptenOf(backend) : {};
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

const FIXED = new WeakSet<BackendWasm>();

/** The largest allocation that WebAssembly can address, in bytes. */
const MOST_BYTES = 2 ** 32 - 65536;

/**
 * Makes a backend throw a `RangeError` where it would continue with wrong memory, and read complex
 * numbers.
 */
export function fixBackend(backend: BackendWasm): void {
  if (FIXED.has(backend)) return;
  FIXED.add(backend);
  checkAllocations(emscriptenOf(backend));
  readComplexNumbers(backend);
}

/**
 * When no memory is left, tfjs's allocator returns 0 (or, for 4 GiB and more, too small a block), and
 * kernels write there.
 */
function checkAllocations(module: Emscripten): void {
  // Emscripten replaces the function by itself at its first call, and would replace ours.
  module._free(module._malloc(16));
  const { _malloc } = module;
  module._malloc = function malloc(bytes) {
    const address = bytes <= MOST_BYTES ? _malloc(bytes) >>> 0 : 0;
    if (address === 0 && bytes > 0) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes as WebAssembly must hold all tensors in 4 GiB: ` +
          `its heap has ${module.HEAPU8.length} bytes. Dispose tensors, or train with smaller batches`,
      );
    }
    return address;
  };
}

/** tfjs stores them as pairs of floats, but does not read them. */
function readComplexNumbers(backend: BackendWasm): void {
  const { readSync } = backend;
  backend.readSync = function (dataId, start, end) {
    const { dtype, shape, memoryOffset } = this.dataIdMap.get(dataId);
    if (dtype !== "complex64") return readSync.call(this, dataId, start, end);
    const { HEAPU8 } = emscriptenOf(this);
    const size = shape.reduce((size: number, n: number) => size * n, 2);
    return new Float32Array(HEAPU8.slice(memoryOffset, memoryOffset + size * 4).buffer);
  };
}
