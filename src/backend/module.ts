/**
 * The compiled kernels, in the build that this machine can run.
 *
 * @module
 */
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { type Kernels, moduleOf } from "./heap.ts";
import * as builds from "./kernels.generated.ts";

/** The builds, the fastest first. */
export type Build = "relaxed" | "simd";

/** Our kernels on a backend's heap, and which build of them it is. */
export interface Loaded {
  /** The functions. */
  kernels: Kernels;
  /** The build. */
  build: Build;
}

/**
 * Instantiates the kernels on the heap of a backend.
 *
 * @param backend Whose heap it is.
 * @param relaxed Whether multiply-adds may be fused; more precise and faster, but not the same
 *   bits on every machine.
 * @returns The kernels, or `undefined` where there is no SIMD.
 */
export function loadKernels(backend: BackendWasm, relaxed = true): Loaded | undefined {
  const names: Build[] = relaxed ? ["relaxed", "simd"] : ["simd"];
  for (const build of names) {
    const bytes = Uint8Array.fromBase64(builds[build]);
    if (!WebAssembly.validate(bytes)) continue;
    const { memory } = moduleOf(backend).asm;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory, log: Math.log },
    });
    return { kernels: instance.exports as Kernels, build };
  }
}
