/**
 * Starting tfjs's WebAssembly backend.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { fuseLayers } from "./fuse.ts";
import { mendBackend } from "./mend.ts";
import { loadKernels } from "./module.ts";
import { registerKernels } from "./register.ts";

/** How the WebAssembly backend computes. */
export interface WasmOptions {
  /**
   * Whether multiply-adds may be fused, which is faster and more precise, but does not give the
   * same bits on every machine. Default: true.
   */
  relaxed?: boolean;
  /** Threads to compute with, >= 1; more than one is worth it on an idle machine. Default: 1. */
  threads?: number;
}

/**
 * Makes the WebAssembly backend current, with our kernels.
 *
 * @returns Whether it started, and why or why not.
 */
export async function startWasm(
  options: WasmOptions,
): Promise<{ started: boolean; reason: string }> {
  const said = await listen(async () => {
    await import("../deps/tfjs_wasm.ts");
    await tf.setBackend("wasm");
  });
  if ("wasm" in tf.engine().registry) return { started: true, reason: complete(options) };
  retreat();
  const path = said.match(/Requires read access to "([^"]+)"/)?.[1];
  return {
    started: false,
    reason: path
      ? `reading tfjs's WebAssembly needs --allow-read=${path.replace(/\/[^/]*$/, "")}`
      : said.split("\n")[0] || "WebAssembly does not start",
  };
}

/** Puts our kernels in place; returns which build of them. */
function complete({ relaxed }: WasmOptions): string {
  const backend = tf.backend() as unknown as BackendWasm;
  mendBackend(backend);
  const loaded = loadKernels(backend, relaxed);
  if (!loaded) return "WebAssembly with tfjs's kernels, as there is no SIMD";
  registerKernels(backend, loaded.kernels);
  fuseLayers();
  return `WebAssembly with ${loaded.build === "relaxed" ? "relaxed SIMD" : "SIMD"}`;
}

/** Runs `start`; returns what was printed meanwhile, as tfjs prints why a backend did not start. */
async function listen(start: () => Promise<unknown>): Promise<string> {
  const lines: string[] = [];
  const { warn, error } = console;
  console.warn = console.error = (...parts: unknown[]) => void lines.push(parts.join(" "));
  try {
    await start();
  } catch (error) {
    lines.push(String(error));
  } finally {
    Object.assign(console, { warn, error });
  }
  return lines.join("\n");
}

/** Takes the backend that failed out of tfjs's own choice, but leaves it there to be tried again. */
function retreat(): void {
  const factory = tf.findBackendFactory("wasm");
  tf.removeBackend("wasm");
  tf.registerBackend("wasm", factory, 0);
}
