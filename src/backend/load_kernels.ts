/**
 * Our compiled kernels, in the fastest build that this machine can run.
 *
 * @module
 */
import { decodeBase64 } from "../text/encodings.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { emscriptenOf } from "./emscripten.ts";
import { shareMemory } from "./share_memory.ts";
import * as builds from "./kernels.generated.ts";

/** The functions of the compiled module; addresses and flags are numbers. */
export type Kernels = Record<string, (...args: number[]) => number>;

/** Names of the builds, the fastest first. */
export type Build = "relaxed" | "simd";

/** Our kernels on the heap of a backend. */
export interface LoadedKernels {
  /** The functions of the instance. */
  kernels: Kernels;
  /** The places of the addresses among each kernel's arguments. */
  addresses: Readonly<Record<string, readonly number[]>>;
  /** The compiled module. */
  module: WebAssembly.Module;
  /** The heap. */
  memory: WebAssembly.Memory;
  /** The build that was chosen. */
  build: Build;
}

/**
 * Instantiates the kernels on the heap of a backend.
 *
 * @param backend The owner of the heap.
 * @param relaxed Whether multiply-adds may be fused, which is faster and more precise, but does not
 *   give the same bits on every machine.
 * @returns The kernels, or `undefined` where there is no SIMD.
 */
export function loadKernels(backend: BackendWasm, relaxed = true): LoadedKernels | undefined {
  const names: Build[] = relaxed ? ["relaxed", "simd"] : ["simd"];
  const { memory } = emscriptenOf(backend).asm;
  for (const build of names) {
    const plain = decodeBase64(builds[build]);
    const bytes = isShared(memory) ? shareMemory(plain) : plain;
    if (!WebAssembly.validate(bytes)) continue;
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, { env: { memory, log: Math.log } });
    const functions = Object.entries(exports).filter(([, value]) => typeof value === "function");
    const kernels = Object.fromEntries(functions) as Kernels;
    return { kernels, addresses: builds.addresses, module, memory, build };
  }
}

/** Whether several threads can use this heap. */
export function isShared({ buffer }: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
}
