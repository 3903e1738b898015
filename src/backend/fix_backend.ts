/**
 * Repairs of tfjs's WebAssembly backend itself.
 *
 * @module
 */
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { emscriptenOf } from "./emscripten.ts";

const fixed = new WeakSet<BackendWasm>();

/** The largest allocation that WebAssembly can address, in bytes. */
const MOST_BYTES = 2 ** 32 - 65536;

/**
 * Makes a backend throw a `RangeError` where it would continue with wrong memory.
 *
 * When no memory is left, tfjs's allocator returns 0 (or, for 4 GiB and more, too small a block),
 * and kernels write there.
 */
export function fixBackend(backend: BackendWasm): void {
  if (fixed.has(backend)) return;
  fixed.add(backend);
  const module = emscriptenOf(backend);
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
