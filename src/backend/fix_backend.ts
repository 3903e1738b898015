/**
 * Repairs of tfjs's WebAssembly backend itself.
 *
 * @module
 */
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { type Emscripten, emscriptenOf } from "./emscripten.ts";

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
