import type { tf } from "../deps/tfjs.ts";
import { type CallbackLike, nameOf } from "./callback.ts";
import { CallbackList } from "./callback_list.ts";
import type { Facts, Job } from "../chart/chart.ts";
import { type HookName, HOOKS, type TaskName, type WorkName } from "../chart/hooks.ts";
import { watched } from "./watch.ts";
import { type Performer, Pump, type PumpOptions } from "../chart/pump.ts";
import type { PumpState } from "../chart/pump_state.ts";
import { keyedRandom } from "../random/keyed_random.ts";
import { type Shard, WHOLE } from "../data/shard.ts";
import { streamKey } from "../random/streams.ts";
import { withRandom } from "../random/with_random.ts";
import { isThenable } from "../chart/is_thenable.ts";
import type { Learner } from "./learner.ts";
import type { Loader } from "../data/loader.ts";
import { LoaderReader } from "../data/loader_reader.ts";
import { mapTensors } from "../tensors/nested_tensors.ts";
import { RunningMean, type RunningMeanState } from "../metrics/running_mean.ts";
import { type BatchTensors, type Slot, SLOTS } from "./batch_tensors.ts";
import { compute, evaluate, predictOnly, type StepOf, update } from "./step.ts";
import type { SizedBatch } from "../data/to_batch.ts";

/** An error, and what was being done when it was thrown. */
export interface Failure {
  /** What was thrown. */
  readonly error: unknown;
  /** The hook or task that threw. */
  readonly during: string;
  /** The name of the callback, if it was one. */
  readonly callback?: string;
  /** 0-based. */
  readonly epoch: number;
  /** 0-based; -1 before the first of a pass. */
  readonly batch: number;
}

type LoaderName = keyof Learner["dataloaders"];

/** Where a run is, so that another one can go on from there. */
export interface RunState {
  readonly pump: PumpState;
  /** Of the batch at hand; before that of a paused run, which is fetched anew. */
  readonly batchIndex: number;
  /** How many processes share an epoch. Default: 1. */
  readonly shards?: number;
  /** The pass that is open, and how many batches of it are behind us, those of all processes. */
  readonly loader?: { readonly name: LoaderName; readonly taken: number };
  readonly mean: RunningMeanState;
  /** The batch whose after hooks are running. */
  readonly batch?: {
    readonly size: number;
    readonly computed: boolean;
    readonly slots: Partial<Record<Slot, unknown>>;
  };
}

/** One run of a Learner: does what the machine names, on the Learner's fields. */
export class Run implements Performer<CallbackLike>, StepOf {
  readonly pump: Pump<CallbackLike>;
  /** What the run is for. */
  readonly job: Job;
  /** All that was thrown; the first ended the run. */
  readonly failures: Failure[] = [];
  /** What was predicted, batch by batch. */
  readonly outputs: unknown[];
  readonly slots: BatchTensors;
  /** The mean loss of the pass at hand. */
  readonly mean = new RunningMean();
  readonly #learner: Learner<unknown, unknown, unknown>;
  readonly #input: Loader | undefined;
  readonly #callbacks = new CallbackList();
  #reader: LoaderReader | undefined;
  /** How many batches of the pass were taken, those that were left out at its start among them. */
  #taken = 0;
  #batch: SizedBatch | undefined;
  /** Whether the batch at hand was worked through, so that its loss counts. */
  #computed = false;

  constructor(
    learner: Learner<unknown, unknown, unknown>,
    slots: BatchTensors,
    options: PumpOptions & { job: Job; input?: Loader; outputs?: unknown[] },
  ) {
    this.#learner = learner;
    this.slots = slots;
    this.job = options.job;
    this.#input = options.input;
    this.outputs = options.outputs ?? [];
    this.pump = new Pump(this, options);
  }

  get model(): StepOf["model"] {
    return this.#learner.model as StepOf["model"];
  }

  get lossFunction(): StepOf["lossFunction"] {
    return this.#learner.lossFunction;
  }

  get optimizer(): tf.Optimizer {
    return this.#learner.optimizer;
  }

  hook(name: "afterPredict" | "afterLoss"): void {
    this.pump.runSynchronously(name);
  }

  facts(): Facts {
    const { epoch, epochs, validationEpochs } = this.#learner;
    return {
      epoch,
      epochs,
      loaded: this.#batch !== undefined,
      validate: this.#isGiven("validation") && (epoch + 1) % validationEpochs === 0,
      test: this.#isGiven("test"),
    };
  }

  /** Whoever opens what is no loader says what is wrong with it: here nothing may throw. */
  #isGiven(name: LoaderName): boolean {
    const { dataloaders } = this.#learner;
    return !dataloaders || dataloaders[name] !== undefined;
  }

  listeners(hook: HookName): readonly CallbackLike[] {
    const { phase } = HOOKS[hook];
    if (phase) {
      this.#learner.phase = phase;
      if (hook.startsWith("before")) this.#learner.batchIndex = -1;
    }
    return this.#callbacks.listeners(hook, this.#learner.callbacks);
  }

  call(callback: CallbackLike, hook: HookName): unknown {
    const { watchers } = this.#callbacks;
    if (watchers.length === 0) return callback[hook]!(this.#learner);
    return watched(watchers, hook, callback, () => callback[hook]!(this.#learner));
  }

  failed(error: unknown, work: WorkName | HookName, callback?: CallbackLike): void {
    if (this.failures.some((failure) => failure.error === error)) return;
    const { epoch, batchIndex: batch } = this.#learner;
    const name = callback && nameOf(callback);
    this.failures.push({ error, during: work, callback: name, epoch, batch });
    if (error instanceof Error && error.stack) {
      const where = name ? `${name}.${work}` : work;
      error.stack += `\n    in ${where} (epoch ${epoch}, batch ${batch})`;
    }
  }

  perform(task: TaskName): void | Promise<void> {
    const { watchers } = this.#callbacks;
    if (watchers.length === 0) return this.#perform(task);
    return watched(watchers, task, undefined, () => this.#perform(task));
  }

  #perform(task: TaskName): void | Promise<void> {
    switch (task) {
      case "openTrain":
        return this.#open("train", this.#learner.dataloaders?.train);
      case "openValidation":
        this.#learner.phase = "validate";
        return this.#open("validation", this.#learner.dataloaders?.validation);
      case "openTest":
        return this.#open("test", this.#learner.dataloaders?.test);
      case "openPredict":
        this.#learner.phase = "predict";
        return this.#open("predict", this.#input);
      case "fetch":
        return this.#fetch();
      case "compute":
        return this.#seeded(compute);
      case "step":
        update(this);
        this.#computed = true;
        return;
      case "evaluate":
        this.#seeded(evaluate);
        this.#computed = true;
        return;
      case "predict":
        this.#seeded(predictOnly);
        // Clones, because a model may return its very input, which goes with the batch.
        this.outputs.push(mapTensors(this.slots.get("predictions"), (tensor) => tensor.clone()));
        return;
      case "disposeBatch":
        return this.#disposeBatch();
      case "closeLoader":
        return this.#close();
      case "advance":
        this.#learner.epoch++;
        return;
    }
  }

  /**
   * Where the run is; its tensors stay with it.
   *
   * @throws {Error} In the middle of a batch.
   */
  state(): RunState {
    const pump = this.pump.state();
    const reader = this.#reader;
    const batch = pump.hook ? this.#batch : undefined;
    const { batchIndex } = this.#learner;
    const again = this.#batch && !pump.hook ? 1 : 0; // a paused run has fetched one already
    const names = pump.hook?.left ? SLOTS : ["loss"] as const;
    const shards = this.#shard.count;
    return {
      pump,
      batchIndex: batchIndex - again,
      shards,
      loader: reader && { name: reader.name as LoaderName, taken: this.#taken - again * shards },
      mean: this.mean.state(),
      batch: batch && {
        size: batch.size,
        computed: this.#computed,
        slots: Object.fromEntries(names.map((name) => [name, this.slots.get(name)])),
      },
    };
  }

  /** Goes on from a state, whose tensors are the run's from now on. */
  async restore({ batchIndex, shards = 1, loader, mean, batch }: RunState): Promise<void> {
    const learner = this.#learner;
    const shard = this.#shard;
    if (loader) {
      const { epoch, seed } = learner;
      const options = { epoch, seed, skip: loader.taken, shard };
      this.#reader = await LoaderReader.open(
        loader.name,
        learner.dataloaders[loader.name],
        options,
      );
      this.#taken = loader.taken;
    }
    learner.batchIndex = shards === shard.count
      ? batchIndex
      : Math.floor((batchIndex + 1) * shards / shard.count) - 1;
    this.mean.restore(mean);
    if (!batch) return;
    for (const name of SLOTS) {
      if (batch.slots[name] !== undefined) this.slots.put(name, batch.slots[name]);
    }
    const { data, labels } = batch.slots;
    this.#batch = { data, labels, size: batch.size } as SizedBatch;
    this.#computed = batch.computed;
  }

  /** Leaves nothing behind, however the run ended. */
  async dispose(): Promise<void> {
    this.#batch = undefined;
    this.slots.dispose();
    this.mean.reset();
    await this.#reader?.close();
  }

  async #open(name: string, loader: Loader | undefined): Promise<void> {
    const { epoch, seed } = this.#learner;
    this.mean.reset();
    this.#learner.batchIndex = -1;
    this.#taken = 0;
    const options = { epoch, seed, shard: this.#shard };
    this.#reader = await LoaderReader.open(name, loader, options);
  }

  /** Each process takes its part of every epoch; one that predicts does so by itself. */
  get #shard(): Shard {
    return this.job === "predict" ? WHOLE : this.#learner.peers?.shard ?? WHOLE;
  }

  #fetch(): void | Promise<void> {
    const reader = this.#reader!;
    this.#batch = undefined;
    // Before the loader is asked, because it may itself cancel what this signal is for.
    const { signal } = this.pump;
    if (this.#isLimit()) return this.#take(undefined);
    const next = reader.next();
    if (!isThenable(next)) return this.#take(next);
    return this.#abandonable(next, signal).then((batch) => this.#take(batch));
  }

  /**
   * Whether no batch comes after the one at hand. Where the loader has no length, the next one is
   * fetched for the answer; it is "no" if the batch is cut short meanwhile.
   */
  async isLast(): Promise<boolean> {
    const reader = this.#reader;
    if (!reader || this.#isLimit()) return reader !== undefined;
    const count = this.#learner.batchCount(reader.name as LoaderName);
    if (count !== undefined) return this.#learner.batchIndex + 1 >= count;
    const { signal } = this.pump;
    const cut = new Promise<false>((resolve) => {
      signal.addEventListener("abort", () => resolve(false), { once: true });
      if (signal.aborted) resolve(false);
    });
    return await Promise.race([reader.ends(), cut]);
  }

  /** Whether a pass may read no more than it has. */
  #isLimit(): boolean {
    const { limits, batchIndex } = this.#learner;
    return batchIndex + 1 >= (limits[this.#reader!.name as LoaderName] ?? Infinity);
  }

  /** A loader that is stuck does not hold up a cancel: its late batch is disposed on arrival. */
  #abandonable<T>(next: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const abandon = () => {
        this.#reader?.close();
        reject(signal.reason);
      };
      if (signal.aborted) abandon();
      else signal.addEventListener("abort", abandon, { once: true });
      next.then(resolve, reject).finally(() => signal.removeEventListener("abort", abandon));
    });
  }

  #take(batch: SizedBatch | undefined): void {
    this.#batch = batch;
    this.#computed = false;
    const learner = this.#learner;
    if (batch) {
      this.#taken += this.#shard.count;
      learner.batchIndex++;
      learner.batchSize = batch.size;
      this.slots.put("data", batch.data);
      this.slots.put("labels", batch.labels);
    } else if (learner.batchIndex === -1) {
      const { count } = this.#shard;
      const [each, found] = count === 1 ? ["", "none"] : [` for each of ${count} ranks`, "fewer"];
      throw new RangeError(
        `Cannot ${learner.phase} as the loader must yield at least one batch${each}: it yielded ` +
          `${found} (a generator runs only once: pass a function that makes one)`,
      );
    }
  }

  #seeded(work: (step: StepOf) => void): void {
    const { seed, epoch, batchIndex, phase, peers } = this.#learner;
    if (seed === undefined) return work(this);
    const stream = streamKey(phase, peers?.shard.index);
    withRandom(keyedRandom(seed, epoch, batchIndex, stream), () => work(this));
  }

  #disposeBatch(): void {
    if (this.#computed && !this.#learner.cancelled.has("batch")) {
      const loss = this.slots.takeLoss();
      if (loss) this.mean.add(loss, this.#learner.batchSize);
    }
    this.#computed = false;
    this.#batch = undefined;
    this.slots.dispose();
  }

  async #close(): Promise<void> {
    const learner = this.#learner;
    const reader = this.#reader;
    this.#reader = undefined;
    if (this.#batch) this.#disposeBatch();
    if (!reader) return;
    try {
      const loss = await this.mean.read(this.job === "predict" ? undefined : learner.peers);
      if (learner.phase === "train") learner.trainLoss = learner.metrics["train.loss"] = loss;
      else if (learner.phase === "validate") {
        learner.validationLoss = learner.metrics["validation.loss"] = loss;
      } else if (learner.phase === "test") learner.testLoss = learner.metrics["test.loss"] = loss;
    } finally {
      this.mean.reset();
      await reader.close();
    }
  }
}
