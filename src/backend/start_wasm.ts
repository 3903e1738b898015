/**
 * Starting tfjs's WebAssembly backend.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { fuseLayers } from "./fuse_layers.ts";
import { fuseAdam } from "./fuse_adam.ts";
import { missingInternals } from "./kernel_heap.ts";
import { mendBackend } from "./fix_backend.ts";
import { isShared, loadKernels } from "./load_kernels.ts";
import { registerKernels } from "./register_kernels.ts";
import { shareMemory } from "./share_memory.ts";
import { Threads } from "./threads.ts";

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
  const { threads = 1 } = options;
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(
      `Cannot select a backend as threads must be an integer >= 1: current value is ${threads}`,
    );
  }
  const said = await listen(async () => {
    await import("../deps/tfjs_wasm.ts");
    const start = () => tf.setBackend("wasm");
    await (threads > 1 && !isRunning() ? withSharedMemory(start) : start());
  });
  if (isRunning()) return await complete(options);
  retreat();
  const path = said.match(/Requires read access to "([^"]+)"/)?.[1];
  return {
    started: false,
    reason: path
      ? `reading tfjs's WebAssembly needs --allow-read=${path.replace(/\/[^/]*$/, "")}`
      : said.split("\n")[0] || "WebAssembly does not start",
  };
}

function isRunning(): boolean {
  return "wasm" in tf.engine().registry;
}

/** Starts tfjs's module with a memory that threads may share. */
async function withSharedMemory<T>(start: () => Promise<T>): Promise<T> {
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate =
    ((module: Uint8Array, imports: WebAssembly.Imports) =>
      instantiate(shareMemory(module), imports)) as typeof instantiate;
  try {
    return await start();
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}

/** The threads that run on a backend's heap, by what they run. */
const running = new Map<string, Threads>();

/** Puts our kernels in place; tells which build of them. */
async function complete(
  { relaxed, threads: wanted = 1 }: WasmOptions,
): Promise<{ started: boolean; reason: string }> {
  const backend = tf.backend() as unknown as BackendWasm;
  const missing = missingInternals(backend);
  if (missing.length > 0) {
    const reason = `WebAssembly with tfjs's own kernels, as it has no ${missing.join(", no ")}`;
    console.warn(`Trainchart computes more slowly than it could: ${reason}`);
    return { started: wanted === 1, reason };
  }
  mendBackend(backend);
  const loaded = loadKernels(backend, relaxed);
  if (!loaded) {
    return { started: true, reason: "WebAssembly with tfjs's kernels, as there is no SIMD" };
  }
  const { kernels, module, memory, build } = loaded;
  if (wanted > 1 && !isShared(memory)) {
    return {
      started: false,
      reason: "threads must be asked for when WebAssembly is first selected",
    };
  }
  const key = `${build} ${wanted}`;
  let threads = running.get(key);
  if (wanted > 1 && !threads) {
    running.set(key, threads = await Threads.start(wanted - 1, kernels, module, memory));
  }
  registerKernels(backend, kernels, threads);
  fuseLayers();
  fuseAdam();
  const simd = build === "relaxed" ? "relaxed SIMD" : "SIMD";
  return {
    started: true,
    reason: `WebAssembly with ${simd}${wanted > 1 ? `, ${wanted} threads` : ""}`,
  };
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
