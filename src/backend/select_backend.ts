/**
 * Chooses the backend that tfjs computes on.
 *
 * @module
 */
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { importWebgpu, tf } from "../deps/tfjs.ts";
import { hostProcess, isGranted } from "../host/host_process.ts";
import { fixCore } from "./fix_core.ts";
import { fixCpu } from "./fix_cpu/fix_cpu.ts";
import { fixLayers } from "./fix_layers/fix_layers.ts";
import { NATIVE_NAMES, type NativeName } from "./native/native_library.ts";
import type { WasmOptions } from "./start_wasm.ts";

/**
 * A backend that {@linkcode selectBackend} can choose.
 *
 * @category Backends
 */
export type BackendName = "webgpu" | "wasm" | "cpu";

/**
 * Options of {@linkcode selectBackend}.
 *
 * @category Backends
 */
export interface BackendOptions extends WasmOptions {
  /** The only backend to accept. Default: the fastest that works here. */
  prefer?: BackendName;
  /** Do not print the choice and its reason on stderr. Default: false. */
  quiet?: boolean;
}

/**
 * The choice of {@linkcode selectBackend}.
 *
 * @category Backends
 */
export interface BackendChoice {
  /** The backend that tfjs computes on now. */
  name: BackendName;
  /** Why this backend was chosen, and why the faster ones were not. */
  reason: string;
  /** Name and version of the native library, such as `oneDNN 2.6.3`, where one computes. */
  native?: string;
}

/** Whether a backend started, the reason, and the native library that it uses. */
type Attempt = { reason: string; started: boolean; native?: string };

/** The backends, the fastest first. */
const CANDIDATES: Record<BackendName, (options: BackendOptions) => Promise<Attempt>> = {
  webgpu: startWebGPU,
  // Our kernels are a third of all modules: a program that computes elsewhere does not run them.
  wasm: async (options) => await (await import("./start_wasm.ts")).startWasm(options),
  cpu: startCpu,
};

// At import, so that they also apply before a backend is selected.
fixCore();
fixCpu();
fixLayers();

let lastLine = "";

/**
 * Makes tfjs compute on the fastest backend that works here: WebGPU if there is a hardware adapter,
 * else WebAssembly, else plain JavaScript.
 *
 * Prints the choice and its reason in one line, once for each different choice. WebAssembly needs
 * permission to read the npm cache; without it the choice falls to `cpu`, and the reason names the
 * permission. With `--allow-ffi`, machine code computes products of matrices on Linux and x86-64, with
 * the same bits in a third of the time. A software WebGPU adapter is used only if `prefer` asks for it, a
 * native library only if `native` does.
 *
 * @param options The preferred backend, and how WebAssembly computes.
 * @returns The name of the backend and the reason.
 * @throws {TypeError} If an option is unknown, `prefer` is not the name of a backend, `native` is not
 *   the name of a library, `wasm` is no file, or `prefer` is a backend without native libraries.
 * @throws {RangeError} If `threads` is not an integer >= 1.
 * @throws {Error} If the preferred backend does not work here; the message lists those that do.
 *
 * @example
 * ```ts
 * import { selectBackend, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const { name, reason } = await selectBackend({ prefer: "cpu", quiet: true });
 * assertEquals(name, tf.getBackend());
 * assertEquals(reason, "it was asked for");
 * ```
 *
 * @category Backends
 */
export async function selectBackend(options: BackendOptions = {}): Promise<BackendChoice> {
  checkOptions("select a backend", options, {
    prefer: true,
    quiet: "flag",
    threads: true,
    relaxed: "flag",
    native: true,
    wasm: true,
    machineCode: "flag",
  });
  const { prefer, threads = 1, native = false, wasm } = options;
  checkNumber("select a backend", "threads", threads, { integer: true, min: 1 });
  checkNative(native, prefer);
  if (wasm !== undefined) checkWasmFile(wasm);
  const names = (Object.keys(CANDIDATES) as BackendName[]).filter((name) =>
    !native || name !== "webgpu"
  );
  if (prefer !== undefined && !names.includes(prefer)) {
    throw new TypeError(
      `Cannot select a backend as prefer must be one of ${
        names.join(", ")
      }: current value is ${prefer}`,
    );
  }
  const refused: string[] = [];
  for (const name of prefer ? [prefer] : names) {
    const { started, reason, native } = await CANDIDATES[name](options);
    if (!started) refused.push(`${name}: ${reason}`);
    else {
      const choice = { name, reason: [reason, ...refused].join("; "), ...native && { native } };
      return print(choice, options);
    }
  }
  const others = await startOthers(prefer!, options);
  throw new Error(
    `Cannot select a backend as ${refused[0]}. Available here: ${others.join(", ")}`,
  );
}

/** Checks the name of a native library, and that the backend is the one that can use it. */
function checkNative(native: boolean | NativeName, prefer: BackendName | undefined): void {
  const allowed: unknown[] = [true, false, ...NATIVE_NAMES];
  if (!allowed.includes(native)) {
    throw new TypeError(
      `Cannot select a backend as native must be one of ${allowed.join(", ")}: ` +
        `current value is ${native}`,
    );
  }
  if (native && prefer !== undefined && prefer !== "wasm") {
    throw new TypeError(
      "Cannot select a backend as prefer must be wasm or missing where a native library is asked " +
        `for: current value is ${prefer}`,
    );
  }
}

/** Prints a choice that is not the last one printed, and returns it. */
function print(choice: BackendChoice, { quiet }: BackendOptions): BackendChoice {
  const line = `Trainchart computes on ${choice.name}: ${choice.reason}`;
  // Standard error, so that a program's output stays its own; a browser would show it in red.
  const inBrowser = choice.name === "cpu" ? console.warn : console.info;
  const write = hostProcess ? console.error : inBrowser;
  if (!quiet && line !== lastLine) write(lastLine = line);
  return choice;
}

/** Starts all other backends that work, the fastest last, so that it is current; returns them. */
async function startOthers(refused: BackendName, options: BackendOptions): Promise<string[]> {
  const working: string[] = [];
  for (const name of (Object.keys(CANDIDATES) as BackendName[]).reverse()) {
    if (name === refused) continue;
    if ((await CANDIDATES[name]({ ...options, prefer: undefined })).started) working.unshift(name);
  }
  return working;
}

async function startWebGPU({ prefer }: BackendOptions): Promise<Attempt> {
  const adapter = await probeWebGPU();
  if (!adapter) return { started: false, reason: "there is no WebGPU adapter" };
  if (adapter.software && prefer !== "webgpu") {
    return { started: false, reason: `${adapter.name} is a software adapter` };
  }
  await importWebgpu();
  const started = await tf.setBackend("webgpu");
  return { started, reason: started ? adapter.name : `${adapter.name} gives no device` };
}

async function startCpu({ prefer }: BackendOptions): Promise<Attempt> {
  await tf.setBackend("cpu");
  return { started: true, reason: prefer ? "it was asked for" : "about 50 times slower" };
}

/** A WebGPU adapter, as far as the choice of a backend depends on it. */
interface Adapter {
  /** The name that the driver gives it. */
  name: string;
  /** Whether it computes on the CPU. */
  software: boolean;
}

/** Names of software rasterizers, for platforms that do not set the flag. */
const RASTERIZERS = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

/** Returns the adapter that WebGPU would use, or `undefined` without one. */
async function probeWebGPU(): Promise<Adapter | undefined> {
  const { gpu } = navigator as { gpu?: GPU };
  if (!gpu) return undefined;
  const restore = giveRuntimeFolder();
  const adapter = await gpu.requestAdapter().catch(() => null).finally(restore);
  if (!adapter) return undefined;
  const { description, device, vendor, architecture, isFallbackAdapter } = adapter.info;
  // Browsers give away no more than the vendor and the architecture.
  const name = description || device || `${vendor} ${architecture}`.trim() || "an unnamed adapter";
  return { name, software: isFallbackAdapter || RASTERIZERS.test(name) };
}

/**
 * Without a desktop, Linux has no `XDG_RUNTIME_DIR`, and the Wayland client inside the drivers prints
 * an error about that. A folder that does not exist is enough: there is no display in it either.
 *
 * @returns Removes the variable again.
 */
function giveRuntimeFolder(): () => void {
  const variable = "XDG_RUNTIME_DIR";
  const mayChange = hostProcess?.platform === "linux" && isGranted({ name: "env", variable });
  if (!mayChange) return () => {};
  const { env } = hostProcess!;
  if (env[variable]?.startsWith("/")) return () => {};
  env[variable] = "/nonexistent";
  return () => void delete env[variable];
}

/**
 * Checks the file of the WebAssembly backend.
 *
 * @throws {TypeError} If it is not a path, an address or bytes.
 */
function checkWasmFile(file: unknown): void {
  const { path, url, bytes, ...rest } = Object(file) as Record<string, unknown>;
  const given = [path, url, bytes].filter((value) => value !== undefined);
  const isSound = bytes === undefined
    ? typeof given[0] === "string" || given[0] instanceof URL
    : bytes instanceof Uint8Array || bytes instanceof ArrayBuffer;
  if (given.length === 1 && isSound && Object.keys(rest).length === 0) return;
  throw new TypeError(
    "Cannot select a backend as wasm must be one of { path }, { url } and { bytes }: " +
      `current value is ${describeValue(file)}`,
  );
}
