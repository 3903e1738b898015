/**
 * Threads that run kernels on the same heap.
 *
 * @module
 */
import { nodeThreads, type Threads as NodeThreads } from "../host/host_process.ts";
import { instantiateKernels, type KernelModules, type Kernels } from "./wasm_modules.ts";

/** The data that a worker starts with. */
interface WorkerData {
  modules: KernelModules;
  memory: WebAssembly.Memory;
  /** Number of calls, of answers and of calls that a thread has taken, and whether one failed. */
  control: Int32Array<SharedArrayBuffer>;
  /** Index of the kernel to call, or {@linkcode STEPS}; number of its arguments, and the arguments. */
  call: Float64Array<SharedArrayBuffer>;
  /** Number of looks for a call before the worker sleeps. */
  spins: number;
  /** The file of a native library. */
  file?: string;
}

/** A native library that threads open, too. */
export interface ThreadLibrary {
  /** Its file. */
  file: string;
  /**
   * Opens it; its source is sent to the threads, so it uses nothing from outside.
   *
   * @returns Runs the steps that these numbers describe.
   */
  open(file: string): (steps: Float64Array) => void;
}

/** Indices of {@linkcode WorkerData.control}. */
const CALLS = 0, ANSWERS = 1, FAILED = 2, TAKEN = 3;

/** Stands for steps of a native library in the place of a kernel. */
const STEPS = -1;

/** Number of looks for a call, or for an answer, before a thread sleeps: about 0.1 ms. */
const SPINS = 10_000;

/** Whether this thread may sleep: that of a page may not, and looks for an answer all the time. */
const MAY_SLEEP = !("document" in globalThis);

/** Longest wait for another thread after the main one is done, in ms. */
const TIMEOUT = 20_000;

/**
 * Answers calls for ever. The source of this function is sent to the worker, so it uses nothing
 * from outside.
 *
 * @param data The data of the worker.
 * @param instantiate Instantiates the kernels.
 * @param ready Says that the worker is ready.
 * @param open Opens the native library, where there is one.
 */
function serve(
  data: WorkerData,
  instantiate: typeof instantiateKernels,
  ready: () => void,
  open?: ThreadLibrary["open"],
): void {
  const { modules, memory, control, call, spins, file } = data;
  const kernels = Object.values(instantiate(modules, memory));
  ready();
  const run = file && open?.(file);
  for (let calls = 0;;) {
    for (let i = 0; i < spins && Atomics.load(control, 0) === calls; i++);
    while (Atomics.load(control, 0) === calls) Atomics.wait(control, 0, calls, 1000);
    calls = Atomics.load(control, 0);
    const before = (calls - 1) | 0;
    // The main thread may have done this part itself.
    if (Atomics.compareExchange(control, 3, before, calls) !== before) continue;
    try {
      const args = call.subarray(2, 2 + call[1]);
      if (call[0] < 0) (run as (steps: Float64Array) => void)(args);
      else kernels[call[0]](...args);
    } catch {
      Atomics.store(control, 2, 1);
    }
    Atomics.store(control, 1, calls);
    Atomics.notify(control, 1);
  }
}

/** Starts a worker of Deno, Node or Bun. */
async function startNodeWorker(
  threads: NodeThreads,
  workerData: WorkerData,
  open: ThreadLibrary["open"] | undefined,
): Promise<void> {
  const source = `const { parentPort, workerData } =
      process.getBuiltinModule("node:worker_threads");
    (${serve})(workerData, ${instantiateKernels}, () => parentPort.postMessage("ready"), ${open});`;
  const worker = new threads.Worker(source, { eval: true, workerData });
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  worker.unref();
}

/** Starts a worker of a browser. */
async function startWebWorker(data: WorkerData): Promise<void> {
  const source =
    `onmessage = ({ data }) => (${serve})(data, ${instantiateKernels}, () => postMessage("ready"));`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    const worker = new globalThis.Worker(url);
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = () =>
        reject(
          new Error(
            "Cannot compute on threads: a worker does not start. A Content-Security-Policy of the " +
              "page must allow `worker-src blob:`.",
          ),
        );
      worker.postMessage(data);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Why there can be no threads here; `undefined`: there can. */
export function threadsObstacle(): string | undefined {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return nodeThreads() || crossOriginIsolated
    ? undefined
    : "one thread, as the page is not cross-origin isolated";
}

/** One thread, as the main one sees it. */
interface Thread {
  control: Int32Array<SharedArrayBuffer>;
  call: Float64Array<SharedArrayBuffer>;
}

/** Threads that wait for calls from the main one. They do not keep the process alive. */
export class Threads {
  readonly #threads: Thread[] = [];
  readonly #names: string[];

  private constructor(kernels: Kernels) {
    this.#names = Object.keys(kernels);
  }

  /**
   * Starts threads.
   *
   * @param count Number of threads, without the main one.
   * @param kernels The kernels, instantiated for the main one.
   * @param modules The compiled modules.
   * @param memory The shared heap.
   * @param library A native library that they open, too. Default: none.
   */
  static async start(
    count: number,
    kernels: Kernels,
    modules: KernelModules,
    memory: WebAssembly.Memory,
    library?: ThreadLibrary,
  ): Promise<Threads> {
    const threads = new Threads(kernels);
    for (let i = 0; i < count; i++) {
      const control = new Int32Array(new SharedArrayBuffer(64));
      const call = new Float64Array(new SharedArrayBuffer(256));
      const { file, open } = library ?? {};
      const data: WorkerData = { modules, memory, control, call, spins: SPINS, file };
      const nodes = nodeThreads();
      await (nodes ? startNodeWorker(nodes, data, open) : startWebWorker(data));
      threads.#threads.push({ control, call });
    }
    return threads;
  }

  /** Number of threads, without the main one. */
  get count(): number {
    return this.#threads.length;
  }

  /** Makes a thread call a kernel. */
  begin(thread: number, kernel: string, args: number[]): void {
    this.#begin(thread, this.#names.indexOf(kernel), args);
  }

  /** Makes a thread run steps of the native library. */
  beginSteps(thread: number, steps: readonly number[]): void {
    this.#begin(thread, STEPS, steps);
  }

  #begin(thread: number, kernel: number, args: readonly number[]): void {
    const { call, control } = this.#threads[thread];
    call[0] = kernel;
    call[1] = args.length;
    call.set(args, 2);
    Atomics.add(control, CALLS, 1);
    Atomics.notify(control, CALLS);
  }

  /**
   * Takes back the call of a thread that has not begun it: one that sleeps takes longer to wake up
   * than most calls last.
   *
   * @returns Whether the thread had not begun; then the caller does what the thread should have done.
   */
  takeBack(thread: number): boolean {
    const { control } = this.#threads[thread];
    const calls = Atomics.load(control, CALLS), before = (calls - 1) | 0;
    if (Atomics.compareExchange(control, TAKEN, before, calls) !== before) return false;
    Atomics.store(control, ANSWERS, calls);
    return true;
  }

  /**
   * Waits until a thread has finished its call.
   *
   * @throws {Error} If the kernel failed, or the thread does not answer.
   */
  finish(thread: number): void {
    const { control } = this.#threads[thread];
    const calls = Atomics.load(control, CALLS);
    for (let i = 0; i < SPINS && Atomics.load(control, ANSWERS) !== calls; i++);
    const start = performance.now();
    for (let answers; (answers = Atomics.load(control, ANSWERS)) !== calls;) {
      if (MAY_SLEEP) Atomics.wait(control, ANSWERS, answers, 1000);
      if (performance.now() - start > TIMEOUT) {
        throw new Error(
          `Cannot continue to compute: thread ${thread + 1} has not answered for ` +
            `${TIMEOUT / 1000} s. Start again, with fewer threads.`,
        );
      }
    }
    if (Atomics.exchange(control, FAILED, 0)) {
      throw new Error(`Cannot continue to compute: thread ${thread + 1} failed in a kernel.`);
    }
  }
}
