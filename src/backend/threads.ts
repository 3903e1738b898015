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
  /** Number of calls, number of answers, and whether the last call failed. */
  control: Int32Array<SharedArrayBuffer>;
  /** Index of the kernel to call, number of its arguments, and the arguments. */
  call: Float64Array<SharedArrayBuffer>;
  /** Number of looks for a call before the worker sleeps. */
  spins: number;
}

/** Indices of {@linkcode WorkerData.control}. */
const CALLS = 0, ANSWERS = 1, FAILED = 2;

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
 */
function serve(
  data: WorkerData,
  instantiate: typeof instantiateKernels,
  ready: () => void,
): void {
  const { modules, memory, control, call, spins } = data;
  const kernels = Object.values(instantiate(modules, memory));
  ready();
  for (let calls = 0;;) {
    for (let i = 0; i < spins && Atomics.load(control, 0) === calls; i++);
    while (Atomics.load(control, 0) === calls) Atomics.wait(control, 0, calls, 1000);
    calls++;
    try {
      kernels[call[0]](...call.subarray(2, 2 + call[1]));
    } catch {
      Atomics.store(control, 2, 1);
    }
    Atomics.store(control, 1, calls);
    Atomics.notify(control, 1);
  }
}

/** Starts a worker of Deno, Node or Bun. */
async function startNodeWorker(threads: NodeThreads, workerData: WorkerData): Promise<void> {
  const source = `const { parentPort, workerData } =
      process.getBuiltinModule("node:worker_threads");
    (${serve})(workerData, ${instantiateKernels}, () => parentPort.postMessage("ready"));`;
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
   */
  static async start(
    count: number,
    kernels: Kernels,
    modules: KernelModules,
    memory: WebAssembly.Memory,
  ): Promise<Threads> {
    const threads = new Threads(kernels);
    for (let i = 0; i < count; i++) {
      const control = new Int32Array(new SharedArrayBuffer(64));
      const call = new Float64Array(new SharedArrayBuffer(256));
      const data: WorkerData = { modules, memory, control, call, spins: SPINS };
      const nodes = nodeThreads();
      await (nodes ? startNodeWorker(nodes, data) : startWebWorker(data));
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
    const { call, control } = this.#threads[thread];
    call[0] = this.#names.indexOf(kernel);
    call[1] = args.length;
    call.set(args, 2);
    Atomics.add(control, CALLS, 1);
    Atomics.notify(control, CALLS);
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
