import { isThenable } from "../chart/is_thenable.ts";
import type { Loader } from "../data/loader.ts";
import { LoaderReader } from "../data/loader_reader.ts";
import type { Shard } from "../data/shard.ts";
import type { SizedBatch } from "../data/to_batch.ts";
import { RunningMean } from "../metrics/running_mean.ts";
import type { BatchTensors } from "./batch_tensors.ts";
import { type AnyFields, batchTensorsOf } from "./learner_fields.ts";
import type { Dataloaders } from "./options.ts";

/** The loader that a pass reads: one of the Learner's, or the input of `predict()`. */
export type LoaderName = keyof Dataloaders | "predict";

/** How a pass begins. */
export interface PassOptions {
  /** The part of the loader's batches that this process takes. */
  readonly shard: Shard;
  /** Number of batches to leave out at the start, counted over all processes. Default: 0. */
  readonly skip?: number;
}

/** One pass over a loader: the current batch, its place, and the mean loss so far. */
export class Pass {
  /** The loader that is read. */
  readonly name: LoaderName;
  /** The mean loss of the batches so far. */
  readonly mean = new RunningMean();
  /** Whether the current batch was worked through, so that its loss counts. */
  computed = false;
  readonly #learner: AnyFields;
  readonly #tensors: BatchTensors;
  readonly #shard: Shard;
  readonly #reader: LoaderReader;
  #batch: SizedBatch | undefined;
  #taken: number;

  private constructor(
    learner: AnyFields,
    name: LoaderName,
    reader: LoaderReader,
    { shard, skip = 0 }: PassOptions,
  ) {
    this.#learner = learner;
    this.#tensors = batchTensorsOf(learner);
    this.name = name;
    this.#reader = reader;
    this.#shard = shard;
    this.#taken = skip;
  }

  /**
   * Opens a loader in the order of the Learner's epoch.
   *
   * @throws {TypeError} If the loader is missing, or no loader.
   */
  static async open(
    learner: AnyFields,
    name: LoaderName,
    loader: Loader | undefined,
    options: PassOptions,
  ): Promise<Pass> {
    const { epoch, seed } = learner;
    const reader = await LoaderReader.open(name, loader, { epoch, seed, ...options });
    return new Pass(learner, name, reader, options);
  }

  /** The current batch; `undefined` before the first and after the last. */
  get batch(): SizedBatch | undefined {
    return this.#batch;
  }

  /** Number of batches taken, over all processes, those left out at the start included. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes the next batch; returns a promise only where the loader does. */
  fetch(signal: AbortSignal): void | Promise<void> {
    this.#batch = undefined;
    if (this.#isAtLimit()) return this.#take(undefined);
    const next = this.#reader.next();
    if (!isThenable(next)) return this.#take(next);
    return this.#abandonable(next, signal).then((batch) => this.#take(batch));
  }

  /** Puts a batch of a checkpoint back, whose tensors are in place already. */
  restoreBatch(batch: SizedBatch, computed: boolean): void {
    this.#batch = batch;
    this.computed = computed;
  }

  /**
   * Whether the current batch is the last. Where the loader has no length, the next batch is
   * fetched for the answer; the answer is `false` if `signal` aborts meanwhile.
   */
  async isLast(signal: AbortSignal): Promise<boolean> {
    if (this.#isAtLimit()) return true;
    const { name } = this;
    const count = name === "predict" ? undefined : this.#learner.batchCount(name);
    if (count !== undefined) return this.#learner.batchIndex + 1 >= count;
    const cut = new Promise<false>((resolve) => {
      signal.addEventListener("abort", () => resolve(false), { once: true });
      if (signal.aborted) resolve(false);
    });
    return await Promise.race([this.#reader.ends(), cut]);
  }

  /** Releases the current batch. Its loss counts if it was worked through and not cancelled. */
  disposeBatch(cancelled: boolean): void {
    if (this.computed && !cancelled) {
      const loss = this.#tensors.takeLoss();
      if (loss) this.mean.add(loss, this.#learner.batchSize);
    }
    this.computed = false;
    this.#batch = undefined;
    this.#tensors.dispose();
  }

  /** Closes the loader, and releases what is left. */
  async close(): Promise<void> {
    this.mean.reset();
    await this.#reader.close();
  }

  #isAtLimit(): boolean {
    const { limits, batchIndex } = this.#learner;
    return batchIndex + 1 >= (limits[this.name] ?? Infinity);
  }

  /** A loader that hangs does not hold up a cancel: its late batch is disposed on arrival. */
  #abandonable<T>(next: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const abandon = () => {
        this.#reader.close();
        reject(signal.reason);
      };
      if (signal.aborted) abandon();
      else signal.addEventListener("abort", abandon, { once: true });
      next.then(resolve, reject).finally(() => signal.removeEventListener("abort", abandon));
    });
  }

  #take(batch: SizedBatch | undefined): void {
    this.#batch = batch;
    this.computed = false;
    const learner = this.#learner;
    if (batch) {
      this.#taken += this.#shard.count;
      learner.batchIndex++;
      learner.batchSize = batch.size;
      this.#tensors.put("data", batch.data);
      this.#tensors.put("labels", batch.labels);
    } else if (learner.batchIndex === -1) {
      const { count } = this.#shard;
      const [each, found] = count === 1 ? ["", "none"] : [` for each of ${count} ranks`, "fewer"];
      throw new RangeError(
        `Cannot ${learner.phase} as the loader must yield at least one batch${each}: it yielded ` +
          `${found} (a generator runs only once: pass a function that makes one)`,
      );
    }
  }
}
