/**
 * The parts that we use of the emscripten module with tfjs's WebAssembly kernels.
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
