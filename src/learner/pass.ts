/**
 * Passes over a loader: those of a run, and those apart from any run.
 *
 * @module
 */
import { isThenable } from "../checks/check_options.ts";
import type { Loader, Shard, SizedBatch } from "../data/loader.ts";
import { LoaderReader } from "../data/loader_reader.ts";
import { type BatchTensors, batchTensorsOf } from "./batch_tensors.ts";
import type { AnyFields, LearnerFields } from "./learner_fields.ts";
import type { Dataloaders } from "./run_interface.ts";
import { PassLosses } from "../metrics/running_mean.ts";
import type { Batch } from "../data/dataset.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import type { BatchPlace } from "./callback_protocol.ts";

/** The loader that a pass reads: one of the Learner's, or the input of `predict()`. */
export type LoaderName = keyof Dataloaders | "predict";

/** The beginning of a pass. */
export interface PassOptions {
  /** The part of the loader's batches that this process takes. */
  readonly shard: Shard;
  /** Number of batches to leave out at the start, counted over all processes. Default: 0. */
  readonly skip?: number;
  /** Index of the epoch whose order is read. Default: the current epoch. */
  readonly epoch?: number;
}

/** A loader that stays open between two epochs. */
export interface OpenLoader {
  /** Reads the loader. */
  readonly reader: LoaderReader;
  /** Index of the epoch in which it was opened, whose order is read. */
  readonly epoch: number;
  /** Number of batches taken since, over all processes. */
  readonly taken: number;
}

/** One pass over a loader: the current batch, its objectives, and the mean losses so far. */
export class Pass {
  /** The loader that is read. */
  readonly name: LoaderName;
  /** The losses of the batches so far. */
  readonly losses: PassLosses = new PassLosses();
  /** Index of the current batch, also while a validation within the pass counts its own. */
  batchIndex = -1;
  /** Whether the current batch was worked through, so that its loss counts. */
  computed = false;
  readonly #learner: AnyFields;
  readonly #tensors: BatchTensors;
  readonly #shard: Shard;
  readonly #reader: LoaderReader;
  /** Index of the epoch in which the loader was opened. */
  readonly openedIn: number;
  #batch: SizedBatch | undefined;
  #taken: number;
  /** The objectives that are due in the current batch, and the index of the current one. */
  #due: readonly string[] = [];
  #objective = 0;

  private constructor(
    learner: AnyFields,
    name: LoaderName,
    shard: Shard,
    { reader, epoch, taken }: OpenLoader,
  ) {
    this.#learner = learner;
    this.#tensors = batchTensorsOf(learner);
    this.name = name;
    this.#reader = reader;
    this.#shard = shard;
    this.#taken = taken;
    this.openedIn = epoch;
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
    const { shard, skip = 0, epoch = learner.epoch } = options;
    const order = { ...learner.loaderOrder, epoch, shard, skip };
    const reader = await LoaderReader.open(name, loader, order);
    return new Pass(learner, name, shard, { reader, epoch, taken: skip });
  }

  /** Continues a loader that an epoch before has left open. */
  static continue(learner: AnyFields, name: LoaderName, shard: Shard, loader: OpenLoader): Pass {
    return new Pass(learner, name, shard, loader);
  }

  /** Ends the pass, and returns its loader if more can be read of it. */
  release(): OpenLoader | undefined {
    this.losses.dispose();
    const { openedIn: epoch } = this;
    return this.#reader.ended ? undefined : { reader: this.#reader, epoch, taken: this.#taken };
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

  /** Index of the current objective among those that are due in the current batch. */
  get objectiveIndex(): number {
    return this.#objective;
  }

  /** Whether another objective is due in the current batch. */
  get hasNextObjective(): boolean {
    return this.#objective + 1 < this.#due.length;
  }

  /** Sets `learner.objective` before a step. */
  beginObjective(): void {
    this.#learner.objective = this.#due[this.#objective];
  }

  /** Counts the loss of the current objective, and moves on to the next one. */
  endObjective(): void {
    this.#countLoss();
    this.#objective++;
  }

  /** Releases the current batch. Its loss counts if it was worked through and not cancelled. */
  disposeBatch(cancelled: boolean): void {
    if (!cancelled) this.#countLoss();
    this.computed = false;
    this.#batch = undefined;
    this.#learner.objective = undefined;
    this.#tensors.dispose();
  }

  #countLoss(): void {
    const loss = this.computed ? this.#tensors.takeLoss() : undefined;
    const weight = loss && this.#tensors.lossWeight;
    if (loss) this.losses.add(this.#learner.objective, loss, weight ?? this.#learner.batchSize);
    this.computed = false;
  }

  /** Closes the loader, and releases what is left. */
  async close(): Promise<void> {
    this.losses.dispose();
    await this.#reader.close();
  }

  #dueObjectives(): string[] {
    const { objectives, trainedBatches } = this.#learner;
    if (this.name === "predict") return [];
    const names = Object.keys(objectives);
    if (this.name !== "train") return names;
    return names.filter((name) => trainedBatches % (objectives[name].every ?? 1) === 0);
  }

  #isAtLimit(): boolean {
    const limit = this.#learner.limitOf(this.name);
    return limit !== undefined && this.#learner.batchIndex + 1 >= limit;
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
      this.batchIndex = ++learner.batchIndex;
      learner.batchSize = batch.size;
      if (this.name === "train") learner.trainedBatches++;
      this.#due = this.#dueObjectives();
      this.#objective = 0;
      this.#tensors.put("data", batch.data);
      this.#tensors.put("labels", batch.labels);
      this.#tensors.put("weights", batch.weights);
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

/**
 * Options of `learner.batches()`.
 *
 * @category Learner
 */
export interface ReadBatchesOptions {
  /** Take the order of this epoch, 0-based. Default: 0. */
  epoch?: number;
  /** Whether callbacks change the batches as in a run. Default: true. */
  transform?: boolean;
}

/**
 * Reads a loader of a Learner apart from any run, as a run would read it: in the order of an epoch,
 * within the limits, and changed by the callbacks that change batches.
 *
 * @returns The batches, each disposed when the next is asked for or the loop is left.
 * @throws {TypeError} If there is no such loader.
 */
export async function* readBatches<Data, Labels, Predictions>(
  learner: LearnerFields<Data, Labels, Predictions>,
  name: keyof Dataloaders,
  { epoch = 0, transform = true }: ReadBatchesOptions,
): AsyncGenerator<Batch<Data, Labels>, void> {
  const { loaderOrder, dataloaders } = learner;
  const limit = learner.limitOf(name) ?? Infinity;
  const reader = await LoaderReader.open(name, dataloaders[name], { ...loaderOrder, epoch });
  try {
    for (let index = 0; index < limit; index++) {
      const batch = await reader.next();
      if (!batch) return;
      const owned: unknown[] = [batch.data, batch.labels];
      try {
        const place = { pass: name, epoch, index };
        const seen = transform
          ? changeBatch(learner, batch, place, (part) => owned.push(part))
          : batch;
        yield seen as Batch<Data, Labels>;
      } finally {
        disposeTensors(owned);
      }
    }
  } finally {
    await reader.close();
  }
}

/** The data and the labels of a batch. */
export interface BatchParts {
  /** Input of the model. */
  data: unknown;
  /** Targets; `undefined` in a prediction of data without labels. */
  labels: unknown;
}

/**
 * Changes a batch that is read apart from the hooks of a pass as the callbacks change it within one.
 *
 * @param learner The Learner whose callbacks change the batch, in ascending priority.
 * @param batch The batch, which stays undisposed.
 * @param place The place of the batch.
 * @param own Called with every part that replaces another one, to dispose it with the batch.
 * @returns The changed batch.
 */
export function changeBatch(
  learner: AnyFields,
  batch: BatchParts,
  place: BatchPlace,
  own: (part: unknown) => void,
): BatchParts {
  let { data, labels } = batch;
  const sorted = learner.callbacks.toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
  for (const callback of sorted) {
    const changed = callback.changeBatch?.({ data, labels }, place, learner);
    if (!changed) continue;
    own(changed);
    data = changed.data ?? data;
    labels = changed.labels ?? labels;
  }
  return { data, labels };
}
