import type { tf } from "../deps/tfjs.ts";
import type { CallbackLike } from "./callback.ts";
import { describeCallbacks } from "./describe_callbacks.ts";
import type { Batch } from "../data/dataset.ts";
import { type Loader, loaderLength } from "../data/loader.ts";
import type { Peers } from "../data/shard.ts";
import type { Job } from "../chart/chart.ts";
import type { Cancellable, Phase } from "../chart/hooks.ts";
import type { Outcome } from "../chart/pump.ts";
import type { Dataloaders, LearnerOptions, RunOptions, TrainOptions } from "./options.ts";
import type { RunActor, RunEvent } from "./run_actor.ts";
import type { TrainResult } from "./train_result.ts";
import type { Unlabelled } from "../data/to_batch.ts";
import { checkRate, checkSetup, checkStart, eventOf, loaderOf } from "./check_learner.ts";
import type { Model } from "../model/model.ts";
import { type ModelSummary, summarize } from "../model/summarize.ts";
import { joinOutputs } from "./join_predictions.ts";
import { type Failure, Run, type RunState } from "./run.ts";
import { ownState, restoreCheckpoint, takeCheckpoint } from "./checkpoint.ts";
import { loadCheckpoint, type RunCheckpoint } from "../io/checkpoint_file.ts";
import { BatchTensors } from "./batch_tensors.ts";
import { LoaderReader } from "../data/loader_reader.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { learningRateOf, setLearningRate } from "../optimizers/learning_rate.ts";

/**
 * Trains a model: a statechart says when, TensorFlow.js computes, callbacks do everything else.
 *
 * Every field may be read *and changed* by every callback; a change is obeyed from the next use on.
 * The tensors of a batch belong to the Learner, which disposes them after the batch's after hooks:
 * a callback that keeps one clones it.
 *
 * @example
 * ```ts
 * import { adam, Learner, meanSquaredError, tf, withSeed } from "@trainchart/trainchart";
 * import { assert } from "@std/assert";
 *
 * const model = withSeed(42, () =>
 *   tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }));
 * const x = tf.tensor2d([[0], [1], [2], [3]]);
 * const y = tf.tensor2d([[1], [3], [5], [7]]);
 *
 * const learner = new Learner({
 *   model,
 *   optimizer: adam(0.1),
 *   lossFunction: meanSquaredError,
 *   dataloaders: { train: [[x, y]] },
 * });
 * const { status, trainLoss } = await learner.train({ epochs: 200 });
 * assert(status === "completed" && trainLoss < 0.01);
 * ```
 */
export class Learner<Data = tf.Tensor, Labels = tf.Tensor, Predictions = tf.Tensor> {
  /** What is trained. */
  model: tf.LayersModel | Model<Data, Predictions>;
  /** What updates the weights. */
  optimizer: tf.Optimizer;
  /** What is minimised. */
  lossFunction: (predictions: Predictions, labels: Labels) => tf.Tensor;
  /** Where batches come from. */
  dataloaders: Dataloaders<Data, Labels>;
  /** What hangs on the hooks: add, remove and reorder at any time. */
  callbacks: CallbackLike[];
  /** Makes shuffling and random draws repeat exactly: a safe integer. */
  seed: number | undefined;

  /** The epoch at hand, 0-based; from `afterTrain` on, how many are behind us. */
  epoch = 0;
  /** How many epochs this training has. Set from `beforeTrain` on. */
  epochs = 0;
  /** After every how many epochs is validated. Set from `beforeTrain` on. */
  validationEpochs = 1;
  /** The batch at hand, 0-based, in any pass; -1 before the first. */
  batchIndex: number = -1;
  /** The number of examples in the batch at hand. Set from `before…Batch` on. */
  batchSize: number = 0;
  /** At most how many batches of each loader a pass reads, integers >= 1. Default: all of them. */
  limits: Partial<Record<keyof Dataloaders, number>> = {};
  /** The other processes that train the same model, if any. Set before anything is done. */
  peers: Peers | undefined;
  /** What is under way. Set from `beforeTrain`, `beforeValidate` and `beforeTest` on. */
  phase: Phase = "idle";
  /** Mean training loss, weighted by batch size. Set from `afterEpoch` on. */
  trainLoss: number = NaN;
  /** Mean validation loss, weighted by batch size. Set from `afterValidate` on. */
  validationLoss: number = NaN;
  /** Mean test loss, weighted by batch size. Set from `afterTest` on. */
  testLoss: number = NaN;
  /** The newest of everything that is measured, by name: `"validation.loss"`. */
  metrics: Record<string, number> = {};

  readonly #slots = new BatchTensors();
  #run: Run | undefined;
  #running = false;
  #cancelled: { source: readonly Cancellable[]; set: ReadonlySet<Cancellable> } = {
    source: [],
    set: new Set(),
  };

  /**
   * Checks what can be checked before there is a batch.
   *
   * @param options What to train, on what, and how.
   * @throws {TypeError} If something is missing or of the wrong kind, or a hook is misspelt.
   */
  constructor(options: LearnerOptions<Data, Labels, Predictions>) {
    checkSetup(options);
    this.model = options.model;
    this.optimizer = options.optimizer;
    this.lossFunction = options.lossFunction;
    this.dataloaders = { ...options.dataloaders };
    this.callbacks = [...options.callbacks ?? []];
    this.seed = options.seed;
  }

  /** What the model sees of the batch at hand. Set from `before…Batch` on. */
  get data(): Data {
    return this.#slots.get("data") as Data;
  }
  set data(data: Data) {
    this.#slots.put("data", data);
  }

  /** What is to be predicted of the batch at hand. Set from `before…Batch` on. */
  get labels(): Labels {
    return this.#slots.get("labels") as Labels;
  }
  set labels(labels: Labels) {
    this.#slots.put("labels", labels);
  }

  /** What the model made of the data. Set from `afterPredict` on. */
  get predictions(): Predictions {
    return this.#slots.get("predictions") as Predictions;
  }
  set predictions(predictions: Predictions) {
    this.#slots.put("predictions", predictions);
  }

  /** The scalar loss of the batch at hand, on the device. Set from `afterLoss` on. */
  get loss(): tf.Tensor {
    return this.#slots.get("loss") as tf.Tensor;
  }
  set loss(loss: tf.Tensor) {
    this.#slots.put("loss", loss);
  }

  /** The gradient of the loss by the name of each trained weight. Set from `afterBackward` on. */
  get gradients(): tf.NamedTensorMap {
    return this.#slots.get("gradients") as tf.NamedTensorMap;
  }
  set gradients(gradients: tf.NamedTensorMap) {
    this.#slots.put("gradients", gradients);
  }

  /**
   * The optimizer's learning rate, per step, finite and >= 0.
   *
   * @throws {TypeError} If the optimizer has none.
   * @throws {RangeError} If it is set to anything else.
   */
  get learningRate(): number {
    return learningRateOf(this.optimizer);
  }
  set learningRate(rate: number) {
    setLearningRate(this.optimizer, checkRate(rate));
  }

  /** What was cut short: a phase is in here from its cancel until it is entered again. */
  get cancelled(): ReadonlySet<Cancellable> {
    const source = this.#run?.pump.actor.getSnapshot().context.cancelled ?? [];
    if (source !== this.#cancelled.source) this.#cancelled = { source, set: new Set(source) };
    return this.#cancelled.set;
  }

  /** What the training was cancelled for, if it was and somebody has said so. */
  get reason(): string | undefined {
    return this.#run?.pump.reason;
  }

  /** Aborts when the innermost phase that is open now is cut short: for `fetch` in a hook. */
  get signal(): AbortSignal {
    return this.#running && this.#run ? this.#run.pump.signal : new AbortController().signal;
  }

  /** All that was thrown in this run; the first is what `train()` rejects with. */
  get failures(): readonly Failure[] {
    return this.#run?.failures ?? [];
  }

  /** The XState actor of the run, from `train()` on; that of the last run afterwards. */
  get actor(): RunActor | undefined {
    return this.#run?.pump.actor as RunActor | undefined;
  }

  /**
   * Trains, validates after every `validationEpochs`-th epoch, and tests at the end, also of a
   * training that was cancelled. A second call goes on with the trained model.
   *
   * @param options How long, and how fast.
   * @returns How it ended, and the last losses.
   * @throws {RangeError | TypeError} If the options or the loaders cannot work, before any work.
   * @throws whatever a callback, the model, the loss, the optimizer or a loader threw.
   */
  async train(options: TrainOptions = {}): Promise<TrainResult> {
    this.#check("train", options);
    const { epochs = 1, validationEpochs = 1, learningRate, from } = options;
    if (this.#unprepared) await this.#prepare();
    if (from !== undefined) return await this.#resume(from, options);
    const asked = this.callbacks.filter((callback) => callback.resumeFrom);
    const found = asked.length > 0 ? await this.#find(asked) : undefined;
    if (found) return await this.#resume(found, options);
    this.epochs = epochs;
    this.validationEpochs = validationEpochs;
    if (learningRate !== undefined) this.learningRate = learningRate;
    this.epoch = 0;
    this.metrics = {};
    this.trainLoss = this.validationLoss = this.testLoss = NaN;
    const outcome = await this.#go("train", options);
    return this.#result(outcome);
  }

  /**
   * Takes the whole of a training's state: between any two batches, so that
   * `train({ from: checkpoint })` goes on as if nothing had happened, bit for bit where there is a
   * `seed`.
   *
   * @returns Plain data, off the device.
   * @throws {Error} If no training is in an after hook or paused: in the middle of a batch there is
   *   no state that another process could go on from.
   */
  async checkpoint(): Promise<RunCheckpoint> {
    if (this.#running && this.#run?.job === "train") {
      return await takeCheckpoint(this.#self, this.#run);
    }
    throw new Error(
      `Cannot take a checkpoint as a training must be under way: current phase is "${this.phase}"`,
    );
  }

  /**
   * Goes on with the training that a file was saved in, in this process or in another.
   *
   * @param path What `saveCheckpoint()` or the Checkpoint callback wrote.
   * @param options The same as when it began.
   * @param run What is to be different: `epochs`, `signal`. Default: nothing.
   * @returns How it ended.
   * @throws {StorageError} If the file is damaged, or of another model.
   */
  static async resume<Data, Labels, Predictions>(
    path: string | URL,
    options: LearnerOptions<Data, Labels, Predictions>,
    run: Omit<TrainOptions, "from"> = {},
  ): Promise<TrainResult> {
    return await new Learner(options).train({ ...run, from: path });
  }

  /** Validates, and nothing else. */
  async validate(options: RunOptions = {}): Promise<TrainResult> {
    this.#check("validate", options);
    if (this.#unprepared) await this.#prepare();
    return this.#result(await this.#go("validate", options));
  }

  /** Tests, and nothing else. */
  async test(options: RunOptions = {}): Promise<TrainResult> {
    this.#check("test", options);
    if (this.#unprepared) await this.#prepare();
    return this.#result(await this.#go("test", options));
  }

  /**
   * Predicts, with the model in inference mode.
   *
   * @param input One batch of data, which stays yours; or a loader, whose batches may lack labels or
   *   be tensors.
   * @returns The predictions of all batches, joined along the first axis; they are yours.
   * @throws {DOMException} An `AbortError`, if it is cancelled: some predictions would be missing.
   */
  async predict(
    input: tf.Tensor | Loader<Data, Labels, Unlabelled<Data>>,
    options: RunOptions = {},
  ): Promise<Predictions> {
    this.#check("predict", options);
    const outputs: unknown[] = [];
    try {
      const { reason = "no reason given" } = await this.#go("predict", options, {
        input: loaderOf(input),
        outputs,
      });
      if (!this.cancelled.has("predict")) return joinOutputs(outputs.splice(0));
      throw new DOMException(
        `Cannot predict as all batches must be worked through: it was cancelled (${reason})`,
        "AbortError",
      );
    } finally {
      disposeTensors(outputs);
    }
  }

  /**
   * Layers, shapes, parameters, memory and operations, as plain data and, as a string, a table.
   *
   * @example
   * ```ts
   * import { adam, Learner, meanSquaredError, tf } from "@trainchart/trainchart";
   * import { assertEquals } from "@std/assert";
   *
   * const learner = new Learner({
   *   model: tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] }),
   *   optimizer: adam(),
   *   lossFunction: meanSquaredError,
   * });
   * const { parameters, weightBytes, optimizerBytes, operations } = learner.summary();
   * assertEquals([parameters, weightBytes, optimizerBytes, operations], [8, 32, 64, 14]);
   * ```
   */
  summary(): ModelSummary {
    return summarize(this.model as Model, this.optimizer);
  }

  /** Stops before the next batch, until {@linkcode resume} or {@linkcode step}. */
  pause(): boolean {
    return this.#request({ type: "pause" });
  }

  /** Goes on after {@linkcode pause}. */
  resume(): boolean {
    return this.#request({ type: "resume" });
  }

  /** While paused, goes on for one batch. */
  step(): boolean {
    return this.#request({ type: "step" });
  }

  /**
   * Cuts short, from outside or inside, what is under way: queued work is dropped, `signal` aborts,
   * the hook that is running finishes, then the after hooks run.
   *
   * @param phase A `"batch"`; an `"epoch"`, validation or test; or the whole `"train"`ing.
   * @param reason For the result, if it is the training.
   * @returns `false` if there is nothing of the kind to cancel.
   * @throws {TypeError} If the phase is none of these.
   */
  cancel(phase: "batch" | "epoch" | "train", reason?: string): boolean {
    return this.#request(eventOf(`cancel.${phase}`), reason);
  }

  /**
   * Whether an event would be accepted now.
   *
   * @throws {TypeError} If there is no such event.
   */
  can(event: RunEvent): boolean {
    const checked = eventOf(event);
    return this.#running && this.#run?.pump.can(checked) === true;
  }

  /** The mean loss of the pass so far. This reads the device: not for every batch. */
  async lossSoFar(): Promise<number> {
    return await this.#run?.mean.read() ?? NaN;
  }

  /**
   * Who listens to which hook: a line for each, in the order in which they run; in it the
   * callbacks in the order in which they are called, each with its priority.
   *
   * @example
   * ```ts
   * import { Learner, Metrics, accuracy, sgd, tf } from "@trainchart/trainchart";
   * import { assertEquals } from "@std/assert";
   *
   * const learner = new Learner({
   *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
   *   optimizer: sgd(),
   *   lossFunction: tf.losses.meanSquaredError,
   *   callbacks: [{ name: "Late", priority: 500, afterTest() {} }, new Metrics({ accuracy })],
   * });
   * assertEquals(learner.describe().split("\n").at(-1), "afterTest             Metrics (100), Late (500)");
   * ```
   */
  describe(): string {
    return describeCallbacks(this.callbacks);
  }

  /** How many batches a pass over a loader has, where it is known. */
  batchCount(name: keyof Dataloaders): number | undefined {
    const length = loaderLength(this.dataloaders[name], this.peers?.shard);
    const limit = this.limits[name];
    return length !== undefined && limit !== undefined ? Math.min(length, limit) : length;
  }

  /**
   * Whether the batch at hand is the last of its pass. Where the loader has no length, the next
   * batch is fetched for the answer, and waits.
   *
   * @returns `false` also outside of a pass, or if the batch is cut short before there is an answer.
   *
   * @example
   * ```ts
   * import { Learner, sgd, tf } from "@trainchart/trainchart";
   * import { assertEquals } from "@std/assert";
   *
   * const last: boolean[] = [];
   * const learner = new Learner({
   *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
   *   optimizer: sgd(),
   *   lossFunction: tf.losses.meanSquaredError,
   *   dataloaders: { train: Array(3).fill([tf.ones([1, 1]), tf.ones([1, 1])]) },
   *   callbacks: [{ afterBatch: async (learner) => void last.push(await learner.isLastBatch()) }],
   * });
   * await learner.train();
   * assertEquals(last, [false, false, true]);
   * ```
   */
  async isLastBatch(): Promise<boolean> {
    return await this.#run?.isLast() ?? false;
  }

  /**
   * Reads a loader apart from any run, for callbacks that look at data by themselves.
   *
   * @param name Which loader.
   * @param options Whose order to take.
   * @param options.epoch 0-based. Default: 0.
   * @returns The batches, each disposed when the next is asked for or the loop is left.
   * @throws {TypeError} If there is no such loader.
   */
  async *batches(
    name: keyof Dataloaders,
    { epoch = 0 }: { epoch?: number } = {},
  ): AsyncGenerator<Batch<Data, Labels>, void> {
    const options = { epoch, seed: this.seed };
    const reader = await LoaderReader.open(name, this.dataloaders[name], options);
    try {
      for (let left = this.limits[name] ?? Infinity; left > 0; left--) {
        const batch = await reader.next();
        if (!batch) return;
        try {
          yield batch as unknown as Batch<Data, Labels>;
        } finally {
          disposeTensors([batch.data, batch.labels]);
        }
      }
    } finally {
      await reader.close();
    }
  }

  #request(event: ReturnType<typeof eventOf>, reason?: string): boolean {
    if (!this.#running || !this.#run?.pump.can(event)) return false;
    if (this.callbacks.some((callback) => callback.postpone?.(event.type, reason))) return true;
    return this.#run.pump.request(event, reason);
  }

  #check(job: Job, options: TrainOptions) {
    if (this.#running) {
      throw new Error(
        `Cannot ${job} as no other run of this Learner must be under way: ` +
          (this.phase === "idle" ? "one is about to begin" : `current phase is "${this.phase}"`) +
          (job === "predict" ? " (in a hook, ask learner.model)" : ""),
      );
    }
    checkStart(job, this as Learner<unknown, unknown, unknown>, options);
  }

  get #unprepared(): boolean {
    return this.callbacks.some((callback) => callback.prepare);
  }

  /** Keeps other runs out while one is being prepared. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#running = true;
    try {
      return await work();
    } finally {
      this.#running = false;
    }
  }

  async #prepare(): Promise<void> {
    await this.#exclusively(async () => {
      for (const callback of [...this.callbacks]) await callback.prepare?.(this);
    });
  }

  /** What the first callback that knows of a checkpoint would go on from. */
  async #find(callbacks: CallbackLike[]): Promise<RunCheckpoint | undefined> {
    return await this.#exclusively(async () => {
      for (const callback of callbacks.toSorted(byPriority)) {
        const found = await callback.resumeFrom!();
        if (found) return found;
      }
    });
  }

  async #resume(from: RunCheckpoint | string | URL, options: TrainOptions): Promise<TrainResult> {
    const state = await this.#exclusively(async () => {
      const plain = typeof from === "string" || from instanceof URL;
      return await restoreCheckpoint(this.#self, plain ? await loadCheckpoint(from) : from);
    });
    const { epochs, validationEpochs, learningRate } = options;
    if (epochs !== undefined) this.epochs = epochs;
    if (validationEpochs !== undefined) this.validationEpochs = validationEpochs;
    if (learningRate !== undefined) this.learningRate = learningRate;
    return this.#result(await this.#go("train", options, { from: state }));
  }

  get #self(): Learner<unknown, unknown, unknown> {
    return this as unknown as Learner<unknown, unknown, unknown>;
  }

  async #go(
    job: Job,
    { signal, inspect }: RunOptions,
    { from, ...prediction }: { input?: Loader; outputs?: unknown[]; from?: RunState } = {},
  ): Promise<Outcome> {
    const run = new Run(this.#self, this.#slots, {
      job,
      inspect: inspect as never,
      ...prediction,
      from: from?.pump,
    });
    this.#run = run;
    this.#running = true;
    this.peers?.attach(() => ownState(this.#self, run));
    const abort = () => this.cancel("train", describeReason(signal!.reason));
    try {
      if (from) await run.restore(from);
      run.pump.start(job);
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      const outcome = await run.pump.run();
      if (outcome.status === "failed") throw outcome.error;
      return outcome;
    } finally {
      signal?.removeEventListener("abort", abort);
      try {
        await run.dispose();
      } finally {
        this.#running = false;
        this.phase = "idle";
      }
    }
  }

  #result({ status, reason }: Outcome): TrainResult {
    const { epoch: epochs, trainLoss, validationLoss, testLoss, metrics } = this;
    return {
      status: status as TrainResult["status"],
      ...reason === undefined ? {} : { reason },
      epochs,
      trainLoss,
      validationLoss,
      testLoss,
      metrics: { ...metrics },
    };
  }
}

function byPriority(a: CallbackLike, b: CallbackLike): number {
  return (a.priority ?? 0) - (b.priority ?? 0);
}

function describeReason(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
