import { tf } from "../deps/tfjs.ts";
import type { Dataset } from "./dataset.ts";
import { isThenable } from "../chart/is_thenable.ts";

/** How long closing waits for batches under way: a dataset that stalls must not hold up a run. */
const grace = 1000; // ms

type Outcome<B> = { readonly batch: B } | { readonly error: unknown };

/** A batch from the moment it is asked for. */
interface Slot<B> {
  /** Its place in the epoch. */
  readonly index: number;
  /** What came of it; not set yet while it is under way. */
  outcome?: Outcome<B>;
  /** Fulfilled (never rejected) once it is no longer under way. */
  settled?: Promise<void>;
}

/**
 * Builds the batches of one epoch in order, a bounded number of them ahead.
 *
 * Guarantees: never more than `prefetch` batches (at least one) are under way or waiting to be
 * taken. Batches come in order, and an error comes in its place in that order. Once the iterator
 * has ended, failed or been closed, no batch is asked for any more, and each batch that was not
 * taken is disposed, if need be when it arrives. No promise is rejected without anyone listening.
 *
 * It can be read by hand, by `for await`, and by `for` if the dataset is synchronous.
 *
 * @template B The batches.
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
   * Begins an epoch; asks for nothing yet.
   *
   * @param dataset Where the batches come from.
   * @param options What to fetch.
   * @param options.indices The examples of a batch, by its place in the epoch.
   * @param options.batches The number of batches in the epoch.
   * @param options.skip The number of batches to leave out at the start.
   * @param options.prefetch The number of batches to fetch ahead; 0 fetches on demand.
   * @param options.timeout How long to wait for a batch, in ms; `undefined` waits for ever.
   * @param options.name What errors call the epoch.
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
   * Takes the next batch, which belongs to the caller from then on.
   *
   * @returns The batch, or that there is none; a promise only if the batch is not there yet.
   * @throws {unknown} The dataset's own error, thrown or as a rejection.
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
   * A `next()` that is waiting is answered at once: there is no batch any more.
   *
   * @returns That there is no batch any more; a promise only if batches are under way: it waits
   *   until they are disposed, but at most for a second.
   */
  return(): IteratorResult<B, undefined> | Promise<IteratorResult<B, undefined>> {
    const result = { done: true, value: undefined } as const;
    const closing = this.#close();
    return closing ? closing.then(() => result) : result;
  }

  /**
   * Iterates with `for`: over a synchronous dataset only.
   *
   * @throws {TypeError} From its `next()`, when a batch is a promise.
   */
  [Symbol.iterator](): Iterator<B, undefined> {
    const settle = (result: ReturnType<BatchIterator<B>["next"]>) => {
      if (!isThenable(result)) return result;
      void this.#close();
      throw new TypeError(
        "Cannot iterate with `for` as batches must be there at once: current value is a promise; " +
          "use `for await`",
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

  /** Iterates with `for await`: over any dataset. */
  [Symbol.asyncIterator](): AsyncIterator<B, undefined> {
    // deno-lint-ignore require-await
    const next = async () => this.next();
    const finish = async () => await this.return();
    return { next, return: finish };
  }

  /** Asks for batches until enough are under way or waiting, or the epoch is over. */
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
    // A dataset that stalls is not waited for again, so the closing is not awaited.
    void this.#close();
    throw new DOMException(
      `Cannot load batch ${slot.index} of ${this.#name} as the dataset must deliver it in time: ` +
        `current value is none after ${this.#timeout} ms`,
      "TimeoutError",
    );
  }

  /** Ends the iteration; the promise tells when the batches under way are gone. */
  #close(): Promise<void> | undefined {
    this.#abort.abort();
    const underWay: Promise<void>[] = [];
    for (const slot of [...this.#queue.splice(0), ...this.#awaited.keys()]) {
      if (slot.outcome === undefined) underWay.push(slot.settled!);
      else if ("batch" in slot.outcome) tf.dispose(slot.outcome.batch as tf.TensorContainer);
      slot.outcome = undefined;
    }
    for (const wake of this.#awaited.values()) wake();
    if (underWay.length === 0) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, grace);
    void Promise.all(underWay).then(() => {
      clearTimeout(timer);
      resolve();
    });
    return promise;
  }
}
