/**
 * Threads that run kernels on the same heap.
 *
 * @module
 */
import type { Kernels } from "./kernel_heap.ts";

/** What a thread is told at its start. */
interface Start {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Two counters, of calls and of answers, and whether the last call failed. */
  control: Int32Array<SharedArrayBuffer>;
  /** The index of the kernel to call, how many arguments, and those. */
  call: Float64Array<SharedArrayBuffer>;
  /** How often to look for a call before sleeping. */
  spins: number;
}

/** The places in {@linkcode Start.control}. */
const CALLS = 0, ANSWERS = 1, FAILED = 2;

/** How often a thread looks for a call, or for an answer, before it sleeps: about 0.1 ms. */
const spins = 10_000;

/** How long a thread may take that shares work with one that is done, in ms. */
const patience = 20_000;

/**
 * What a thread does. Its source is sent to it, so it uses nothing from outside; only a process
 * that ends, or the end of its worker, ends it.
 */
async function serve(): Promise<void> {
  const { parentPort, workerData } = await import("node:worker_threads");
  const { module, memory, control, call, spins } = workerData as Start;
  const { exports } = new WebAssembly.Instance(module, { env: { memory, log: Math.log } });
  const kernels = Object.values(exports).filter((value) => typeof value === "function");
  parentPort!.postMessage("ready");
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

/** One thread, seen from the main one. */
interface Thread {
  control: Int32Array<SharedArrayBuffer>;
  call: Float64Array<SharedArrayBuffer>;
}

/** Threads beside the main one, which wait for calls. They do not keep the process alive. */
export class Threads {
  readonly #threads: Thread[] = [];
  readonly #names: string[];

  private constructor(kernels: Kernels) {
    this.#names = Object.keys(kernels);
  }

  /**
   * Starts threads.
   *
   * @param count How many beside the main one.
   * @param kernels What they run, instantiated for the main one.
   * @param module The module of those kernels.
   * @param memory The shared heap.
   */
  static async start(
    count: number,
    kernels: Kernels,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
  ): Promise<Threads> {
    const { Worker } = await import("node:worker_threads");
    const threads = new Threads(kernels);
    for (let i = 0; i < count; i++) {
      const control = new Int32Array(new SharedArrayBuffer(64));
      const call = new Float64Array(new SharedArrayBuffer(256));
      const workerData: Start = { module, memory, control, call, spins };
      const worker = new Worker(`(${serve.toString()})()`, { eval: true, workerData });
      await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
      worker.unref();
      threads.#threads.push({ control, call });
    }
    return threads;
  }

  /** How many there are, beside the main one. */
  get count(): number {
    return this.#threads.length;
  }

  /** Lets a thread call a kernel. */
  begin(thread: number, kernel: string, args: number[]): void {
    const { call, control } = this.#threads[thread];
    call[0] = this.#names.indexOf(kernel);
    call[1] = args.length;
    call.set(args, 2);
    Atomics.add(control, CALLS, 1);
    Atomics.notify(control, CALLS);
  }

  /**
   * Waits until a thread has done what it was told.
   *
   * @throws {Error} If it failed, or does not answer.
   */
  finish(thread: number): void {
    const { control } = this.#threads[thread];
    const calls = Atomics.load(control, CALLS);
    for (let i = 0; i < spins && Atomics.load(control, ANSWERS) !== calls; i++);
    const start = performance.now();
    for (let answers; (answers = Atomics.load(control, ANSWERS)) !== calls;) {
      Atomics.wait(control, ANSWERS, answers, 1000);
      if (performance.now() - start > patience) {
        throw new Error(
          `Cannot go on computing as thread ${thread + 1} must answer: it has been silent for ` +
            `${patience / 1000} s. Start again, with fewer threads`,
        );
      }
    }
    if (Atomics.exchange(control, FAILED, 0)) {
      throw new Error(`Cannot go on computing as thread ${thread + 1} failed in a kernel`);
    }
  }
}
