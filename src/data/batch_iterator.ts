import { tf } from "../deps/tfjs.ts";
import type { Dataset } from "./dataset.ts";
import { isThenable } from "../checks/check_options.ts";

/** Longest time that closing waits for pending batches, in ms: a dataset that stalls may not hold up a run. */
const GRACE = 1000;

type Outcome<B> = { readonly batch: B } | { readonly error: unknown };

/** A batch that was asked for. */
interface Slot<B> {
  /** Index of the batch in the epoch. */
  readonly index: number;
  /** The batch or the error; not set while the batch is pending. */
  outcome?: Outcome<B>;
  /** Fulfilled (never rejected) once the batch is no longer pending. */
  settled?: Promise<void>;
}

/**
 * Builds the batches of one epoch in order, a bounded number of them ahead.
 *
 * Guarantees: never more than `prefetch` batches (at least one) are pending or waiting to be taken.
 * Batches come in order, and an error comes in its place in that order. After the iterator has
 * ended, failed or been closed, it asks for no more batches, and disposes each batch that was not
 * taken, also one that arrives later. It leaves no rejected promise unhandled.
 *
 * It can be read with `next()`, with `for await`, and with `for` if the dataset is synchronous.
 *
 * @template B Type of the batches.
 * @category Data
 */
export class BatchIterator<B> {
  readonly #dataset: Dataset<B>;
  readonly #indices: (batch: number) => Int32Array;
  readonly #batches: number;
  readonly #prefetch: number;
  readonly #timeout: number | undefined;
  readonly #name: string;
  readonly #queue: Slot<B>[] = [];
  readonly #awaited: Map<Slot<B>, () => void> = new Map();
  readonly #abort = new AbortController();
  #next: number;

  /**
   * Begins an epoch without asking for a batch.
   *
   * @param dataset The dataset that builds the batches.
   * @param options Which batches to build, and when.
   * @param options.indices Returns the examples of a batch, given the index of the batch.
   * @param options.batches Number of batches in the epoch.
   * @param options.skip Number of batches to skip at the start.
   * @param options.prefetch Number of batches to fetch ahead; 0 fetches on demand.
   * @param options.timeout Longest time to wait for a batch, in ms; `undefined` waits for ever.
   * @param options.name Name of the epoch, for errors.
   */
  constructor(dataset: Dataset<B>, options: {
    indices: (batch: number) => Int32Array;
    batches: number;
    skip: number;
    prefetch: number;
    timeout: number | undefined;
    name: string;
  }) {
    this.#dataset = dataset;
    this.#indices = options.indices;
    this.#batches = options.batches;
    this.#next = options.skip;
    this.#prefetch = options.prefetch;
    this.#timeout = options.timeout;
    this.#name = options.name;
  }

  /**
   * Takes the next batch, which the caller then owns.
   *
   * @returns The batch, or `done`; a promise only if the batch is still pending.
   * @throws {unknown} If the dataset throws or rejects: its error.
   */
  next(): IteratorResult<B, undefined> | Promise<IteratorResult<B, undefined>> {
    if (this.#queue.length === 0 && this.#more()) this.#queue.push(this.#ask(this.#next++));
    this.#fill();
    const slot = this.#queue.shift();
    if (!slot) return { done: true, value: undefined };
    return slot.outcome ? this.#take(slot.outcome) : this.#wait(slot);
  }

  /**
   * Ends the iteration and disposes the batches that were not taken.
   *
   * A call of `next()` that is waiting returns `done` at once.
   *
   * @returns `done`; a promise only if batches are pending: it waits until they are disposed, for at
   *   most one second.
   */
  return(): IteratorResult<B, undefined> | Promise<IteratorResult<B, undefined>> {
    const result = { done: true, value: undefined } as const;
    const closing = this.#close();
    return closing ? closing.then(() => result) : result;
  }

  /**
   * Iterates with `for`, over a synchronous dataset only.
   *
   * @throws {TypeError} If a batch is a promise (thrown by the iterator's `next()`).
   */
  [Symbol.iterator](): Iterator<B, undefined> {
    const settle = (result: ReturnType<BatchIterator<B>["next"]>) => {
      if (!isThenable(result)) return result;
      void this.#close();
      throw new TypeError(
        "Cannot iterate with `for` as the dataset must be synchronous: current value is a promise. " +
          "Use `for await`",
      );
    };
    return {
      next: () => settle(this.next()),
      return: () => {
        void this.#close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Iterates with `for await`, over any dataset. */
  [Symbol.asyncIterator](): AsyncIterator<B, undefined> {
    // deno-lint-ignore require-await
    const next = async () => this.next();
    const finish = async () => await this.return();
    return { next, return: finish };
  }

  /** Asks for batches until enough are pending or waiting, or the epoch is over. */
  #fill(): void {
    while (this.#queue.length + this.#awaited.size < this.#prefetch && this.#more()) {
      this.#queue.push(this.#ask(this.#next++));
    }
  }

  #more(): boolean {
    return this.#next < this.#batches && !this.#abort.signal.aborted;
  }

  #ask(index: number): Slot<B> {
    const slot: Slot<B> = { index };
    const fail = (error: unknown) => {
      slot.outcome = { error };
    };
    const arrive = (batch: B) => {
      if (this.#abort.signal.aborted) tf.dispose(batch as tf.TensorContainer);
      else slot.outcome = { batch };
    };
    try {
      const batch = this.#dataset.batch(this.#indices(index), this.#abort.signal);
      if (isThenable(batch)) slot.settled = Promise.resolve(batch).then(arrive).catch(fail);
      else arrive(batch);
    } catch (error) {
      fail(error);
    }
    return slot;
  }

  #take(outcome: Outcome<B>): IteratorResult<B, undefined> | Promise<never> {
    if ("batch" in outcome) {
      this.#fill();
      return { done: false, value: outcome.batch };
    }
    const closing = this.#close();
    if (!closing) throw outcome.error;
    return closing.then(() => {
      throw outcome.error;
    });
  }

  async #wait(slot: Slot<B>): Promise<IteratorResult<B, undefined>> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#timeout === undefined ? undefined : setTimeout(resolve, this.#timeout);
    this.#awaited.set(slot, resolve);
    slot.settled?.then(resolve);
    await promise;
    clearTimeout(timer);
    this.#awaited.delete(slot);
    if (slot.outcome) return this.#take(slot.outcome);
    if (this.#abort.signal.aborted) return { done: true, value: undefined };
    // Closing would wait for the same dataset that has just stalled.
    void this.#close();
    throw new DOMException(
      `Cannot load batch ${slot.index} of ${this.#name} as it must arrive within ${this.#timeout} ms: ` +
        "it is still pending",
      "TimeoutError",
    );
  }

  /** Ends the iteration. A promise that is returned waits until no batch is pending. */
  #close(): Promise<void> | undefined {
    this.#abort.abort();
    const pending: Promise<void>[] = [];
    for (const slot of [...this.#queue.splice(0), ...this.#awaited.keys()]) {
      if (slot.outcome === undefined) pending.push(slot.settled!);
      else if ("batch" in slot.outcome) tf.dispose(slot.outcome.batch as tf.TensorContainer);
      slot.outcome = undefined;
    }
    for (const wake of this.#awaited.values()) wake();
    if (pending.length === 0) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GRACE);
    void Promise.all(pending).then(() => {
      clearTimeout(timer);
      resolve();
    });
    return promise;
  }
}
