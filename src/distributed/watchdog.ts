import { nodeThreads, threadModule, type Worker } from "../host/host_process.ts";
import { type WatchdogOrders, WORDS } from "./watchdog_memory.ts";

/**
 * A thread that ends the job when this process hangs: in a callback that does not return, or inside
 * MPI while another rank does not answer. The thread calls MPI by itself, since the main thread
 * cannot.
 */
export class Watchdog {
  readonly #words = new Int32Array(new SharedArrayBuffer(8));
  readonly #numbers = new Map<string, number>();
  readonly #worker: Worker;

  private constructor(orders: Omit<WatchdogOrders, "words">) {
    const module = threadModule(new URL("./watchdog_worker.ts", import.meta.url));
    const workerData: WatchdogOrders = { ...orders, words: this.#words };
    this.#worker = new (nodeThreads()!.Worker)(module, { workerData });
  }

  /** Starts the thread and waits until it watches. It does not keep the process alive. */
  static async start(orders: Omit<WatchdogOrders, "words">): Promise<Watchdog> {
    const watchdog = new Watchdog(orders);
    const worker = watchdog.#worker;
    await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    worker.unref();
    return watchdog;
  }

  /** Notes that a piece of work begins, possibly inside another. Returns a function that ends it. */
  begin(work: string): () => void {
    const before = Atomics.exchange(this.#words, WORDS.work, this.#numberOf(work));
    Atomics.add(this.#words, WORDS.beats, 1);
    return () => {
      Atomics.store(this.#words, WORDS.work, before);
      Atomics.add(this.#words, WORDS.beats, 1);
    };
  }

  #numberOf(work: string): number {
    const known = this.#numbers.get(work);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(work, number);
    this.#worker.postMessage([number, work]);
    return number;
  }
}
