/**
 * The compiled kernels, in the build that this machine can run.
 *
 * @module
 */
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { type Kernels, moduleOf } from "./kernel_heap.ts";
import { shareMemory } from "./share_memory.ts";
import * as builds from "./kernels.generated.ts";

/** The builds, the fastest first. */
export type Build = "relaxed" | "simd";

/** Our kernels on a backend's heap, and which build of them it is. */
export interface Loaded {
  /** The functions. */
  kernels: Kernels;
  /** What they are functions of. */
  module: WebAssembly.Module;
  /** The heap. */
  memory: WebAssembly.Memory;
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
  const { memory } = moduleOf(backend).asm;
  for (const build of names) {
    const plain = Uint8Array.fromBase64(builds[build]);
    const bytes = isShared(memory) ? shareMemory(plain) : plain;
    if (!WebAssembly.validate(bytes)) continue;
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, { env: { memory, log: Math.log } });
    const functions = Object.entries(exports).filter(([, value]) => typeof value === "function");
    return { kernels: Object.fromEntries(functions) as Kernels, module, memory, build };
  }
}

/** Whether several threads may use a heap. */
export function isShared({ buffer }: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
}
