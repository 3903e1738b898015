/**
 * Starts tfjs's WebAssembly backend: finds its file, and puts our kernels in the place of its own.
 *
 * @module
 */
import { builtinModule, hostProcess } from "../host/host_process.ts";
import { type BackendWasm, importWasm, tf, wasmPackage } from "../deps/tfjs.ts";
import { fuseCore } from "./fuse_core.ts";
import { fuseOperations } from "./fuse_operations.ts";
import { fuseRecurrent } from "./fuse_recurrent.ts";
import {
  emscriptenOf,
  fixBackend,
  isShared,
  loadKernels,
  missingInternals,
  shareMemory,
} from "./wasm_modules.ts";
import { heapOf, KernelHeap } from "./kernel_heap.ts";
import { platform } from "./native/foreign.ts";
import { NativeKernels } from "./native/native_kernels.ts";
import { type NativeName, noteLibrary } from "./native/native_library.ts";
import { matchRecordings } from "./recording/program.ts";
import { Playback } from "./recording/playback.ts";
import { Recorder } from "./recording/recorder.ts";
import { provideStepTools } from "./recording/step_tools.ts";
import { registerKernels } from "./register_kernels.ts";
import { Threads, threadsObstacle } from "./threads.ts";
import { fileSystem, isMissing } from "../host/files.ts";

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
  /**
   * Number of threads, an integer >= 1; more than one pays on an idle machine. A page that is not
   * cross-origin isolated computes on one, and the reason says so. Default: 1.
   */
  threads?: number;
  /**
   * The file of tfjs's WebAssembly backend, where it is neither in the package nor beside the program.
   * Only the first start reads it.
   */
  wasm?: WasmFile;
  /**
   * A native library for products, convolutions and more: its name, or `true` for the fastest that is
   * installed. It needs `--allow-ffi`; without it, or without the library, WebAssembly computes all,
   * and the reason says so. Default: false.
   */
  native?: boolean | NativeName;
  /**
   * Whether machine code for this processor computes products of matrices, in vectors of 256 or 512
   * bits, and the same bits as WebAssembly with relaxed SIMD. It needs Linux on x86-64 and
   * `--allow-ffi`, for which nothing asks; elsewhere WebAssembly computes all. Default: true.
   */
  machineCode?: boolean;
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
  const wanted = options.threads ?? 1;
  const obstacle = wanted > 1 ? threadsObstacle() : undefined;
  const threads = obstacle ? 1 : wanted;
  const printed = await capture(async () => {
    const { setWasmPaths } = await importWasm();
    if (isRunning()) return void await tf.setBackend("wasm");
    // A module with threads of its own would need another file; it starts workers that are not used.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    const hasSimd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
    const name = `tfjs-backend-wasm${hasSimd ? "-simd" : ""}.wasm`;
    const found = await findWasm(name, options.wasm, wasmPackage());
    if ("reason" in found) throw found.reason;
    setWasmPaths(Object.fromEntries(FILES.map((file) => [file, ADDRESS])), true);
    serve(threads > 1 ? shareMemory(found.bytes) : found.bytes);
    await withoutListeners(() => withFolderName(() => tf.setBackend("wasm")));
  });
  if (isRunning()) {
    const { reason, ...started } = await registerOurs({ ...options, threads });
    return { ...started, reason: [reason, obstacle ?? []].flat().join("; ") };
  }
  withdraw();
  const [reason] = printed.replace("Initialization of backend wasm failed\n", "").split("\n");
  return { started: false, reason: reason || "WebAssembly does not start" };
}

/** The address under which tfjs fetches its file from us. */
const ADDRESS = "trainchart:tfjs-backend-wasm.wasm";

/** All files of tfjs's backend, of which one is read. */
const FILES = [
  "tfjs-backend-wasm.wasm",
  "tfjs-backend-wasm-simd.wasm",
  "tfjs-backend-wasm-threaded-simd.wasm",
];

function isRunning(): boolean {
  return "wasm" in tf.engine().registry;
}

/** The bytes of the file that tfjs fetches, now and if it starts the backend by itself. */
let served: Uint8Array<ArrayBuffer> | undefined;

function serve(bytes: Uint8Array<ArrayBuffer>): void {
  const { platform } = tf.env();
  if (!served) {
    const { fetch } = platform;
    platform.fetch = (address, init) =>
      address === ADDRESS
        ? Promise.resolve(new Response(served))
        : fetch.call(platform, address, init);
  }
  served = bytes;
}

/**
 * Names a folder where nothing else does: in a bundle of modules for Node, the start of tfjs's module
 * reads the name, and does not use it.
 */
async function withFolderName(start: () => Promise<unknown>): Promise<void> {
  const names = globalThis as { __dirname?: string };
  if (!hostProcess || "__dirname" in names) return void await start();
  names.__dirname = "";
  try {
    await start();
  } finally {
    delete names.__dirname;
  }
}

provideStepTools({ heapOf, Recorder, matchRecordings, Playback });

const UNHANDLED = ["uncaughtException", "unhandledRejection"] as const;

/** Removes the listeners by which tfjs's module throws the program's errors again, as its own. */
async function withoutListeners(start: () => Promise<void>): Promise<void> {
  const before = UNHANDLED.map((event) => new Set(hostProcess?.listeners(event)));
  await start();
  for (const [i, event] of UNHANDLED.entries()) {
    for (const listener of hostProcess?.listeners(event) ?? []) {
      if (!before[i].has(listener)) hostProcess!.off(event, listener);
    }
  }
}

/** Heaps of each backend, by build, number of threads and more. */
const HEAPS = new WeakMap<BackendWasm, Map<string, KernelHeap>>();

/** Registers our kernels; the reason names their build. */
async function registerOurs(
  { relaxed, threads: wanted = 1, native, machineCode = true }: WasmOptions,
): Promise<Started> {
  const backend = tf.backend() as unknown as BackendWasm;
  const missing = missingInternals(backend);
  if (missing.length > 0) {
    const reason = `WebAssembly with tfjs's own kernels, as it has no ${missing.join(", no ")}`;
    console.warn(`Trainchart computes more slowly than it could: ${reason}`);
    return { started: wanted === 1, reason };
  }
  fixBackend(backend);
  const { os, arch } = platform();
  // Pages never load the code that writes machine code.
  const machine = machineCode && relaxed !== false && os === "linux" && arch === "x86_64"
    ? await import("./native/machine_tiles.ts")
    : undefined;
  let { tiles, reason } = machine?.loadMachineTiles() ?? {};
  let loaded = loadKernels(backend, relaxed, tiles);
  if (
    loaded?.modules.tiles && !machine!.areBitsSame(loaded.kernels, tiles!, emscriptenOf(backend))
  ) {
    reason = "no machine code for products, as this processor gives other results";
    tiles = undefined;
    loaded = loadKernels(backend, relaxed);
  }
  if (!loaded) {
    return { started: true, reason: "WebAssembly with tfjs's kernels, as there is no SIMD" };
  }
  const { addresses, memory, build } = loaded;
  if (wanted > 1 && !isShared(memory)) {
    return {
      started: false,
      reason: "threads must be asked for when WebAssembly is first selected",
    };
  }
  let ofBackend = HEAPS.get(backend);
  if (!ofBackend) HEAPS.set(backend, ofBackend = new Map());
  // Only a program that asks for it runs the code that opens libraries.
  const choice = native
    ? (await import("./native/open_native.ts")).openNative(native, wanted)
    : undefined;
  const library = choice?.library;
  const key = `${build} ${wanted} ${library?.name} ${tiles?.bits}`;
  let heap = ofBackend.get(key);
  if (!heap) {
    const { kernels, modules } = loaded;
    const threads = wanted > 1
      ? await Threads.start(wanted - 1, kernels, modules, memory, library?.onThreads)
      : undefined;
    const ofLibrary = library && new NativeKernels(library, emscriptenOf(backend));
    heap = new KernelHeap(backend, kernels, addresses, threads, ofLibrary);
    ofBackend.set(key, heap);
  }
  library?.shareWith?.(heap.threads);
  registerKernels(heap);
  noteLibrary(backend, library, wanted);
  fuseCore();
  fuseOperations();
  fuseRecurrent();
  const parts = [`WebAssembly with ${build === "relaxed" ? "relaxed SIMD" : "SIMD"}`];
  if (wanted > 1) parts[0] += `, ${wanted} threads`;
  if (build === "relaxed" && reason) parts.push(reason);
  if (choice) parts.push(choice.reason);
  return {
    started: true,
    reason: parts.join("; "),
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

/**
 * The file of tfjs's WebAssembly backend: a path, an address, or the bytes.
 *
 * It is `tfjs-backend-wasm-simd.wasm` in the folder `dist` of the package
 * `@tensorflow/tfjs-backend-wasm`. A path or an address that ends in a slash is its folder.
 *
 * @category Backends
 */
export type WasmFile =
  | { readonly path: string | URL }
  | { readonly url: string | URL }
  | { readonly bytes: Uint8Array<ArrayBuffer> | ArrayBuffer };

/** The bytes of the file of tfjs's WebAssembly backend, or the reason why it is missing. */
type Found = { bytes: Uint8Array<ArrayBuffer> } | { reason: string };

/**
 * Finds the file of tfjs's WebAssembly backend.
 *
 * @param name Name of the file.
 * @param file The file that the program names, if it does.
 * @param installed Address of the package, if it is known.
 */
async function findWasm(
  name: string,
  file: WasmFile | undefined,
  installed: string | undefined,
): Promise<Found> {
  if (file && "bytes" in file) return checkBytes(new Uint8Array(file.bytes), "the array");
  const places = file ? [placeOf(file, name)] : placesOf(name, installed);
  const tried: string[] = [];
  for (const place of places) {
    if (!place) return { reason: "a browser has no files: pass { url } or { bytes }" };
    try {
      const found = checkBytes(await readFrom(place), place.href);
      if ("bytes" in found) return found;
      tried.push(found.reason);
    } catch (error) {
      // Deno would ask for one place after the other.
      const permission = /Requires read access to "([^"]+)"/.exec(String(error))?.[1];
      if (permission) {
        return {
          reason: `reading tfjs's WebAssembly needs --allow-read=${
            permission.replace(/[/\\][^/\\]*$/, "")
          }`,
        };
      }
      tried.push(isMissing(error) ? `there is no ${place.href}` : `${place.href}: ${error}`);
    }
  }
  return {
    reason: `${tried.join(", ") || `${name} is not found`}. Copy ${name} from ` +
      "node_modules/@tensorflow/tfjs-backend-wasm/dist to there, or name its place: " +
      "selectBackend({ wasm: { path } }), { url } or { bytes }",
  };
}

function checkBytes(bytes: Uint8Array<ArrayBuffer>, name: string): Found {
  return WebAssembly.validate(bytes) ? { bytes } : { reason: `${name} is not WebAssembly` };
}

/** The place that the program names; `undefined`: a path in a browser. */
function placeOf(file: Exclude<WasmFile, { bytes: unknown }>, name: string): URL | undefined {
  const isPath = "path" in file;
  const text = String(isPath ? file.path : file.url);
  const whole = text.endsWith("/") ? text + name : text;
  if (isPath && !/^file:/.test(whole)) return fileUrl(whole);
  return new URL(whole, page());
}

/**
 * Place of the file beside this module or bundle. The package for npm has it there, and Vite, webpack
 * and plugins of Rollup, which know this expression, put it into the bundle.
 */
const BESIDE = new URL("./tfjs-backend-wasm-simd.wasm", import.meta.url).href;

/** The places where the file may be: in its package, beside this module or bundle, beside the program. */
function placesOf(name: string, installed: string | undefined): URL[] {
  const programs = hostProcess ? [hostProcess.argv[1], hostProcess.execPath] : [];
  // A library that expects a page may have set a `location` without an address.
  const at = (place: string | URL | undefined) => place && URL.parse(name, place)?.href;
  const beside = name.includes("-simd") ? BESIDE : at(import.meta.url);
  const near = [at(installed), beside, ...programs.map(fileUrl).map(at), at(page())];
  return [...new Set(near)].flatMap((place) => place ? new URL(place) : []);
}

function fileUrl(path: string | undefined): URL | undefined {
  const url = builtinModule<{ pathToFileURL(path: string): URL }>("node:url");
  return path === undefined ? undefined : url?.pathToFileURL(path);
}

/** Address of the page, or of the worker's module. */
function page(): string | undefined {
  const { document, location } = globalThis as {
    document?: { baseURI: string };
    location?: { href: string };
  };
  return document?.baseURI ?? location?.href;
}

async function readFrom(place: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (place.protocol === "file:") return new Uint8Array(await fileSystem.readFile(place));
  const response = await fetch(place);
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
