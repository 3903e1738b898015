import { Worker } from "../deps/node_worker_threads.ts";

/** Where in the shared memory it is told what happens. */
export const WORDS = {
  /** Counts whatever begins and ends. */
  beats: 0,
  /** The number of what is being done; 0 is nothing. */
  work: 1,
} as const;

/** What the thread is told at its start. */
export interface WatchdogOrders {
  /** The memory. */
  readonly words: Int32Array;
  /** How long one thing may take, ms. */
  readonly limit: number;
  /** Which process it watches. */
  readonly rank: number;
  /** The library that ends the others. */
  readonly library: string;
}

/**
 * A thread that ends the job when this process hangs: in a callback that does not return, or inside
 * MPI, because another process does not answer. It calls MPI by itself, since the main thread
 * cannot.
 */
export class Watchdog {
  readonly #words = new Int32Array(new SharedArrayBuffer(8));
  readonly #numbers = new Map<string, number>();
  readonly #worker: Worker;

  /** Starts the thread. */
  private constructor(orders: Omit<WatchdogOrders, "words">) {
    this.#worker = new Worker(moduleOf(new URL("./watchdog_worker.ts", import.meta.url)), {
      workerData: { ...orders, words: this.#words } satisfies WatchdogOrders,
    });
  }

  /** Starts one that watches already, and does not keep the process alive. */
  static async start(orders: Omit<WatchdogOrders, "words">): Promise<Watchdog> {
    const watchdog = new Watchdog(orders);
    const worker = watchdog.#worker;
    await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    worker.unref();
    return watchdog;
  }

  /** From now on something is being done; returns what ends it. It may happen inside another. */
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

/** Such a thread begins only with a file, or with what is written in the URL itself. */
function moduleOf(url: URL): URL {
  if (url.protocol === "file:") return url;
  return new URL(`data:text/javascript,import ${JSON.stringify(url.href)}`);
}
