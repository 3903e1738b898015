/**
 * Choosing what to compute on.
 *
 * @module
 */
import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { completeGradients } from "./add_gradients.ts";
import { mendCast } from "./fix_backend.ts";
import { mendGradients } from "./fix_gradients.ts";
import { probeWebGPU } from "./probe_webgpu.ts";
import { startWasm, type WasmOptions } from "./start_wasm.ts";

/** A backend that {@linkcode selectBackend} can choose. */
export type BackendName = "webgpu" | "wasm" | "cpu";

/** What {@linkcode selectBackend} should prefer. */
export interface BackendOptions extends WasmOptions {
  /** The only backend to accept; by default the fastest that works here. */
  prefer?: BackendName;
  /** Say nothing; by default one line on stderr tells what was chosen and why. */
  quiet?: boolean;
}

/** What {@linkcode selectBackend} chose. */
export interface BackendChoice {
  /** The backend that tfjs computes on now. */
  name: BackendName;
  /** Why this one, and why not the faster ones. */
  reason: string;
}

/** A backend that was tried: started, or why it cannot start. */
type Attempt = { reason: string; started: boolean };

/** Fastest first. */
const candidates: Record<BackendName, (options: BackendOptions) => Promise<Attempt>> = {
  webgpu: startWebGPU,
  wasm: startWasm,
  cpu: startCpu,
};

// At import, so that they also count for what is computed before a backend is selected.
completeGradients();
mendGradients();
mendCast();

let lastLine = "";

/**
 * Makes tfjs compute on the fastest backend that works here: WebGPU where there is a hardware
 * adapter, else WebAssembly, else plain JavaScript.
 *
 * Prints one line that tells which and why, once for each different choice. WebAssembly needs
 * permission to read the npm cache; without it the choice falls to `cpu`, and the reason names the
 * permission. A software WebGPU adapter is used only if `prefer` asks for it.
 *
 * @param options What to prefer.
 * @returns The name of the backend and the reason.
 * @throws {TypeError} If `prefer` is no backend's name.
 * @throws {Error} If the preferred backend does not work here; the message lists what does.
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
 */
export async function selectBackend(options: BackendOptions = {}): Promise<BackendChoice> {
  checkOptions("select a backend", options, {
    prefer: true,
    quiet: true,
    threads: true,
    relaxed: true,
  });
  const { prefer } = options;
  const names = Object.keys(candidates) as BackendName[];
  if (prefer !== undefined && !names.includes(prefer)) {
    throw new TypeError(
      `Cannot select a backend as prefer must be one of ${
        names.join(", ")
      }: current value is ${prefer}`,
    );
  }
  const refused: string[] = [];
  for (const name of prefer ? [prefer] : names) {
    const { started, reason } = await candidates[name](options);
    if (!started) refused.push(`${name}: ${reason}`);
    else return tell({ name, reason: [reason, ...refused].join("; ") }, options);
  }
  const others = await whatElse(prefer!, options);
  throw new Error(
    `Cannot select a backend as ${refused[0]}. Available here: ${others.join(", ")}`,
  );
}

/** Prints a choice unless it is the one printed last. */
function tell(choice: BackendChoice, { quiet }: BackendOptions): BackendChoice {
  const line = `Trainchart computes on ${choice.name}: ${choice.reason}`;
  if (!quiet && line !== lastLine) console.error(lastLine = line);
  return choice;
}

/** The backends that would start; leaves the fastest of them current. */
async function whatElse(refused: BackendName, options: BackendOptions): Promise<string[]> {
  const working: string[] = [];
  for (const name of (Object.keys(candidates) as BackendName[]).reverse()) {
    if (name === refused) continue;
    if ((await candidates[name]({ ...options, prefer: undefined })).started) working.unshift(name);
  }
  return working;
}

async function startWebGPU({ prefer }: BackendOptions): Promise<Attempt> {
  const adapter = await probeWebGPU();
  if (!adapter) return { started: false, reason: "there is no WebGPU adapter" };
  if (adapter.software && prefer !== "webgpu") {
    return { started: false, reason: `${adapter.name} is a software adapter` };
  }
  await import("../deps/tfjs_webgpu.ts");
  const started = await tf.setBackend("webgpu");
  return { started, reason: started ? adapter.name : `${adapter.name} gives no device` };
}

async function startCpu({ prefer }: BackendOptions): Promise<Attempt> {
  await tf.setBackend("cpu");
  return { started: true, reason: prefer ? "it was asked for" : "it works everywhere" };
}
