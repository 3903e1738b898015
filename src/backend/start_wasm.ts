/**
 * Starts tfjs's WebAssembly backend.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { fuseLayers } from "./fuse_layers.ts";
import { fuseAdam } from "./fuse_adam.ts";
import { fuseLogSoftmax } from "./fuse_log_softmax.ts";
import { fuseRecurrent } from "./fuse_recurrent.ts";
import { emscriptenOf, missingInternals } from "./emscripten.ts";
import { fixBackend } from "./fix_backend.ts";
import { heapOf, KernelHeap } from "./kernel_heap.ts";
import { isShared, loadKernels } from "./load_kernels.ts";
import { NativeKernels } from "./native/native_kernels.ts";
import { type NativeName, noteLibrary } from "./native/native_library.ts";
import { matchRecordings } from "./recording/match_recordings.ts";
import { Playback } from "./recording/playback.ts";
import { Recorder } from "./recording/recorder.ts";
import { provideStepTools } from "./recording/step_tools.ts";
import { registerKernels } from "./register_kernels.ts";
import { shareMemory } from "./share_memory.ts";
import { Threads } from "./threads.ts";

/**
 * Options of the WebAssembly backend.
 *
 * @category Backends
 */
export interface WasmOptions {
  /**
   * Whether multiply-adds may be fused, which is faster and more precise, but does not give the
   * same bits on every machine. Default: true.
   */
  relaxed?: boolean;
  /** Number of threads, an integer >= 1; more than one pays on an idle machine. Default: 1. */
  threads?: number;
  /**
   * A native library for products and convolutions: its name, or `true` for the fastest that is
   * installed. It needs `--allow-ffi`; without it, or without the library, WebAssembly computes all,
   * and the reason says so. Default: false.
   */
  native?: boolean | NativeName;
}

/** The outcome of a start. */
interface Started {
  started: boolean;
  reason: string;
  /** Name and version of the native library. */
  native?: string;
}

/**
 * Makes the WebAssembly backend current, with our kernels.
 *
 * @returns Whether it started, and the reason.
 */
export async function startWasm(options: WasmOptions): Promise<Started> {
  const { threads = 1 } = options;
  const printed = await capture(async () => {
    await import("../deps/tfjs_wasm.ts");
    const start = () => tf.setBackend("wasm");
    await (threads > 1 && !isRunning() ? withSharedMemory(start) : start());
  });
  if (isRunning()) return await registerOurs(options);
  withdraw();
  const path = printed.match(/Requires read access to "([^"]+)"/)?.[1];
  return {
    started: false,
    reason: path
      ? `reading tfjs's WebAssembly needs --allow-read=${path.replace(/\/[^/]*$/, "")}`
      : printed.split("\n")[0] || "WebAssembly does not start",
  };
}

function isRunning(): boolean {
  return "wasm" in tf.engine().registry;
}

/** Starts tfjs's module with a memory that threads can share. */
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

provideStepTools({ heapOf, Recorder, matchRecordings, Playback });

/** Heaps of each backend, by build and number of threads. */
const heaps = new WeakMap<BackendWasm, Map<string, KernelHeap>>();

/** Registers our kernels; the reason names their build. */
async function registerOurs(
  { relaxed, threads: wanted = 1, native }: WasmOptions,
): Promise<Started> {
  const backend = tf.backend() as unknown as BackendWasm;
  const missing = missingInternals(backend);
  if (missing.length > 0) {
    const reason = `WebAssembly with tfjs's own kernels, as it has no ${missing.join(", no ")}`;
    console.warn(`Trainchart computes more slowly than it could: ${reason}`);
    return { started: wanted === 1, reason };
  }
  fixBackend(backend);
  const loaded = loadKernels(backend, relaxed);
  if (!loaded) {
    return { started: true, reason: "WebAssembly with tfjs's kernels, as there is no SIMD" };
  }
  const { kernels, addresses, module, memory, build } = loaded;
  if (wanted > 1 && !isShared(memory)) {
    return {
      started: false,
      reason: "threads must be asked for when WebAssembly is first selected",
    };
  }
  let ofBackend = heaps.get(backend);
  if (!ofBackend) heaps.set(backend, ofBackend = new Map());
  // Only a program that asks for it runs the code that opens libraries.
  const choice = native
    ? (await import("./native/open_native.ts")).openNative(native, wanted)
    : undefined;
  const library = choice?.library;
  const key = `${build} ${wanted} ${library?.name}`;
  let heap = ofBackend.get(key);
  if (!heap) {
    const threads = wanted > 1
      ? await Threads.start(wanted - 1, kernels, module, memory)
      : undefined;
    const ofLibrary = library && new NativeKernels(library, emscriptenOf(backend));
    ofBackend.set(key, heap = new KernelHeap(backend, kernels, addresses, threads, ofLibrary));
  }
  registerKernels(heap);
  noteLibrary(backend, library, wanted);
  fuseLayers();
  fuseRecurrent();
  fuseAdam();
  fuseLogSoftmax();
  const simd = build === "relaxed" ? "relaxed SIMD" : "SIMD";
  return {
    started: true,
    reason: `WebAssembly with ${simd}${wanted > 1 ? `, ${wanted} threads` : ""}${
      choice ? `; ${choice.reason}` : ""
    }`,
    native: library?.name,
  };
}

/** Runs `start` and returns the lines printed meanwhile: tfjs prints why a backend did not start. */
async function capture(start: () => Promise<unknown>): Promise<string> {
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

/** Keeps tfjs from choosing the backend that failed by itself; it can still be tried again. */
function withdraw(): void {
  const factory = tf.findBackendFactory("wasm");
  tf.removeBackend("wasm");
  tf.registerBackend("wasm", factory, 0);
}
