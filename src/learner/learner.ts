import type { tf } from "../deps/tfjs.ts";
import type { Cancellable } from "../chart/hooks.ts";
import type { RunKind } from "../chart/chart.ts";
import type { RunOutcome } from "../chart/pump.ts";
import { reopenTraining } from "../chart/pump_state.ts";
import { checkOptions, type KnownOptions } from "../checks/check_options.ts";
import type { Batch, CsvTable } from "../data/dataset.ts";
import type { Loader, Unlabelled } from "../data/loader.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { Model } from "../model/model.ts";
import { type ModelSummary, summarize } from "../model/summarize.ts";
import type { TableRow } from "../tables/columns.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import type { CallbackOf } from "./callback_protocol.ts";
import type { StepState } from "./compiled_step.ts";
import { describeSteps } from "./compiled_steps.ts";
import {
  checkParts,
  checkStart,
  completeParts,
  eventOf,
  refuseHalfPrecision,
} from "./learner_parts.ts";
import { takeCheckpoint } from "./checkpoint.ts";
import { describeCallbacks } from "./callback_list.ts";
import { LearnerFields, type LearnerParts, type LossOf } from "./learner_fields.ts";
import type { LearnerObjective, Stages } from "./own_steps.ts";
import type { Dataloaders, RunActor, RunEvent, RunOptions, TrainResult } from "./run_interface.ts";
import {
  checkForm,
  encodeRows,
  inputLoader,
  isRows,
  joinPredictions,
  type PredictOptions,
} from "./predict.ts";
import { readBatches, type ReadBatchesOptions } from "./pass.ts";
import type { Failure } from "./run.ts";
import { RunControl } from "./run_control.ts";

/**
 * A Learner of batches of any kind: a callback serves them all.
 *
 * @category Learner
 */
// deno-lint-ignore no-explicit-any -- the kind of batch is known only where a Learner is made
export type AnyLearner = Learner<any, any, any>;

/**
 * Options of `new Learner()`.
 *
 * @category Learner
 */
export interface LearnerOptions<Data = tf.Tensor, Labels = tf.Tensor, Predictions = tf.Tensor> {
  /**
   * The model to train: made of layers, or anything with `apply` and `trainableVariables`. It may
   * be left out where there are objectives: then it is made of their variables.
   */
  model?: tf.LayersModel | Model<Data, Predictions>;
  /**
   * An optimizer of Trainchart or of `tf.train`, or its name with default settings: `"adam"`. With a
   * model that has parts of these names, it may be an optimizer for each part. Default: the one with
   * which the model was compiled.
   */
  optimizer?: tf.Optimizer | string | Readonly<Record<string, tf.Optimizer | string>>;
  /**
   * Returns the scalar to minimise, computed by TensorFlow.js operations; or the name of a loss of
   * Trainchart or of TensorFlow.js: `"sparseCategoricalCrossentropy"`. Default: the one with which
   * the model was compiled.
   */
  lossFunction?: LossOf<Predictions, Labels> | string;
  /**
   * Several losses by name, each with variables and an optimizer of its own, instead of `optimizer`
   * and `lossFunction`. Each batch is computed and updated once per objective, in this order.
   */
  objectives?: Readonly<Record<string, LearnerObjective<AnyLearner>>>;
  /** Replacements of the stages of a step. Default: none. */
  stages?: Partial<Stages<AnyLearner>>;
  /** The loaders of batches. Default: none, which is enough to predict. */
  dataloaders?: Dataloaders<Data, Labels>;
  /** The callbacks. Default: none. */
  callbacks?: readonly CallbackOf<AnyLearner>[];
  /** Makes shuffling and random draws inside steps repeat exactly. Default: they do not. */
  seed?: number;
  /**
   * Record steps, and play the recordings back: the same numbers, bit for bit, in less time. `true`
   * says that the model and the loss function depend on nothing but their arguments; at most one
   * step of each epoch is then compared with its recording. Default: where that is known, as of layers and
   * losses of TensorFlow.js and Trainchart.
   */
  compile?: boolean;
}

/**
 * Options of `learner.train()`.
 *
 * @category Learner
 */
export interface TrainOptions extends RunOptions {
  /**
   * The checkpoint to resume: what `learner.checkpoint()` returned, or a file. A run that was
   * paused continues, too. The other options replace those of the checkpoint. Default: none.
   */
  from?: RunCheckpoint | string | URL;
  /** Number of epochs, an integer >= 1. Default: 1. */
  epochs?: number;
  /** Per step, finite and >= 0. Default: the optimizer's own. */
  learningRate?: number;
  /** Validate after every this many epochs, an integer >= 1. Default: 1. */
  validationEpochs?: number;
  /**
   * Validate also after every this many training batches, an integer >= 1, counted over the whole
   * training. The training loader stays open where it is. Default: only after epochs.
   */
  validationBatches?: number;
  /** Callbacks of this run only, added behind the others. Default: none. */
  callbacks?: readonly CallbackOf<AnyLearner>[];
}

const LEARNER_OPTIONS: KnownOptions<LearnerOptions> = {
  model: true,
  optimizer: true,
  lossFunction: true,
  objectives: true,
  stages: true,
  dataloaders: true,
  callbacks: true,
  seed: true,
  compile: "flag",
};

const RUN_OPTIONS: Record<keyof RunOptions, true> = { signal: true, inspect: true };

const TRAIN_OPTIONS: Record<keyof TrainOptions, true> = {
  from: true,
  epochs: true,
  learningRate: true,
  validationEpochs: true,
  validationBatches: true,
  callbacks: true,
  ...RUN_OPTIONS,
};

const PREDICT_OPTIONS: Record<keyof PredictOptions, true> = { as: true, ...RUN_OPTIONS };

/**
 * Trains a model: a statechart says when, TensorFlow.js computes, callbacks do everything else.
 *
 * Its fields, which every callback may read and change, are those of {@linkcode LearnerFields}.
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
 *
 * @category Learner
 */
export class Learner<Data = tf.Tensor, Labels = tf.Tensor, Predictions = tf.Tensor>
  extends LearnerFields<Data, Labels, Predictions> {
  /** Several losses by name, each with an optimizer, in the order of a batch. Default: `{}`. */
  declare objectives: Record<string, LearnerObjective<AnyLearner>>;
  /** The stages of a step: predict, loss, gradients and update. */
  declare stages: Stages<AnyLearner>;
  readonly #control = new RunControl(this);
  #cancelled: { source: readonly Cancellable[]; set: ReadonlySet<Cancellable> } = {
    source: [],
    set: new Set(),
  };

  /**
   * Checks all that can be checked before there is a batch.
   *
   * @param options The parts of the Learner.
   * @throws {TypeError} If a part is missing or of the wrong kind, or a hook is misspelt.
   */
  constructor(options: LearnerOptions<Data, Labels, Predictions>) {
    refuseHalfPrecision("make a Learner", options);
    checkOptions("make a Learner", options, LEARNER_OPTIONS);
    const parts: LearnerParts<Data, Labels, Predictions> = completeParts(options);
    checkParts(parts);
    super(parts);
  }

  /** The callbacks: add, remove and reorder them at any time. One that is added again runs twice. */
  override get callbacks(): CallbackOf<AnyLearner>[] {
    return super.callbacks;
  }
  override set callbacks(callbacks: CallbackOf<AnyLearner>[]) {
    super.callbacks = callbacks;
  }

  /** The phases that were cut short: each from its cancel until it is entered again. */
  get cancelled(): ReadonlySet<Cancellable> {
    const source = this.#control.run?.cancelled ?? [];
    if (source !== this.#cancelled.source) this.#cancelled = { source, set: new Set(source) };
    return this.#cancelled.set;
  }

  /** Why the training was cancelled, if it was, and a reason was given. */
  get reason(): string | undefined {
    return this.#control.run?.pump.reason;
  }

  /** Aborts when the innermost open phase is cut short: for `fetch` in a hook. */
  get signal(): AbortSignal {
    return this.#control.active?.pump.signal ?? new AbortController().signal;
  }

  /** All errors of this run; `train()` rejects with the first. */
  get failures(): readonly Failure[] {
    return this.#control.run?.failures ?? [];
  }

  /** The way in which the last step was taken, and why it was not played back. */
  get stepState(): StepState | undefined {
    return this.#control.steps.state;
  }

  /** The XState actor of the run in progress, or of the last one. */
  get actor(): RunActor | undefined {
    return this.#control.run?.pump.actor as RunActor | undefined;
  }

  /**
   * Trains, validates after every `validationEpochs`-th epoch, and tests at the end, also if the
   * training was cancelled. A second call continues with the trained model.
   *
   * @param options How long, and how fast.
   * @returns How the training ended, and the last losses.
   * @throws {RangeError | TypeError} If the options or the loaders cannot work, before any work.
   * @throws {Error} If a run of this Learner is in progress.
   * @throws {unknown} If a callback, the model, the loss, the optimizer or a loader throws: that.
   */
  async train(options: TrainOptions = {}): Promise<TrainResult> {
    this.#check("train", options, TRAIN_OPTIONS);
    const { epochs, validationEpochs, validationBatches, learningRate } = options;
    const control = this.#control;
    const { callbacks = [] } = options;
    return await control.exclusively(callbacks, async () => {
      const preparing = control.prepare();
      if (preparing) await preparing;
      const finding = options.from ?? control.find();
      const found = finding instanceof Promise ? await finding : finding;
      const restored = found === undefined ? undefined : await control.restore(found);
      const isLonger = restored && epochs !== undefined && epochs > this.epoch;
      const from = isLonger ? { ...restored, pump: reopenTraining(restored.pump) } : restored;
      if (!from) {
        this.trainings++;
        this.epochs = 1;
        this.validationEpochs = 1;
        this.validationBatches = undefined;
        this.trainedBatches = 0;
        this.validatedAt = undefined;
        this.epoch = 0;
        this.metrics = {};
        this.trainLoss = this.validationLoss = this.testLoss = NaN;
      }
      if (epochs !== undefined) this.epochs = epochs;
      if (validationEpochs !== undefined) this.validationEpochs = validationEpochs;
      if (validationBatches !== undefined) this.validationBatches = validationBatches;
      if (learningRate !== undefined) this.learningRate = learningRate;
      return this.#result(await control.start("train", options, { from }));
    });
  }

  /**
   * Takes the whole state of a training, from which `train({ from: checkpoint })` continues as if
   * nothing had happened, bit for bit where there is a `seed`.
   *
   * @returns Plain data, off the device.
   * @throws {Error} If no training is in an after hook or paused: in the middle of a batch there is
   *   no state from which another process could continue.
   */
  async checkpoint(): Promise<RunCheckpoint> {
    const run = this.#control.active;
    if (run?.kind === "train") return await takeCheckpoint(this, run);
    throw new Error(
      `Cannot take a checkpoint: no training is in progress (current phase is "${this.phase}"). ` +
        "Take it in an after hook, or while the training is paused.",
    );
  }

  /**
   * Evaluates the validation loader. Stateful recurrent layers begin with zeros, and have the states of
   * before afterwards.
   *
   * @param options How to steer and observe the run.
   * @returns How the run ended, and the validation loss.
   * @throws {TypeError | RangeError} If there is no validation loader, or it is empty.
   */
  async validate(options: RunOptions = {}): Promise<TrainResult> {
    return await this.#evaluate("validate", options);
  }

  /**
   * Evaluates the test loader, with states of recurrent layers as in a validation.
   *
   * @param options How to steer and observe the run.
   * @returns How the run ended, and the test loss.
   * @throws {TypeError | RangeError} If there is no test loader, or it is empty.
   */
  async test(options: RunOptions = {}): Promise<TrainResult> {
    return await this.#evaluate("test", options);
  }

  /**
   * Predicts, with the model in inference mode. Callbacks change and limit the batches as those of a
   * validation. Stateful recurrent layers continue with their states, batch by batch and call by call,
   * as in Keras; `model.resetStates()` begins with zeros.
   *
   * @param input One batch of data, which stays yours: a tensor, or a tensor for each input of the
   *   model, in an array or a record; a loader, whose batches may lack labels or be tensors; or rows of
   *   a table, for a model with a {@linkcode TableEncoder}.
   * @param options The form of the predictions, and how to steer and observe the run.
   * @returns The predictions of all batches, joined along the first axis; they are yours.
   * @throws {TypeError} If the input is something else, or an option is unknown.
   * @throws {DOMException} If it is cancelled, an `AbortError`: some predictions would be missing.
   *
   * @example
   * ```ts
   * import { crossEntropy, Learner, sgd, tf } from "@trainchart/trainchart";
   * import { assertEquals } from "@std/assert";
   *
   * const learner = new Learner({
   *   model: { apply: (logits: tf.Tensor) => logits, trainableVariables: [] },
   *   optimizer: sgd(),
   *   lossFunction: crossEntropy,
   * });
   * const logits = tf.tensor2d([[0, 9], [9, 0], [1, 2]]);
   * const classes = await learner.predict(logits, { as: "classes" });
   * assertEquals([...classes.dataSync()], [1, 0, 1]);
   * ```
   */
  async predict(
    input:
      | tf.Tensor
      | readonly tf.Tensor[]
      | Readonly<Record<string, tf.Tensor>>
      | Loader<Data, Labels, Unlabelled<Data>>
      | CsvTable
      | readonly TableRow[],
    options: PredictOptions = {},
  ): Promise<Predictions> {
    this.#check("predict", options, PREDICT_OPTIONS);
    checkForm(options.as);
    if (isRows(input)) {
      const encoded = await encodeRows(this.model, input);
      try {
        return await this.predict(encoded, options);
      } finally {
        encoded.dispose();
      }
    }
    const outputs: unknown[] = [];
    try {
      const control = this.#control;
      const { reason = "no reason given" } = await control.exclusively(
        [],
        () =>
          control.start("predict", options, {
            input: inputLoader(this, input),
            outputs,
            form: options.as,
          }),
      );
      if (!this.cancelled.has("predict")) return joinPredictions(outputs.splice(0));
      throw new DOMException(
        `Cannot predict: the run was cancelled (${reason}) before all batches were predicted.`,
        "AbortError",
      );
    } finally {
      disposeTensors(outputs);
    }
  }

  /**
   * Lists layers, shapes, parameters, memory, operations, and the way in which steps are taken, as
   * plain data and, as a string, a table.
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
    const steps = describeSteps(this, this.#control.steps.state);
    return summarize(this.model as Model, this.optimizer, steps);
  }

  /** Stops before the next batch, until {@linkcode resume} or {@linkcode step}. */
  pause(): boolean {
    return this.#control.request({ type: "pause" });
  }

  /** Continues after {@linkcode pause}. */
  resume(): boolean {
    return this.#control.request({ type: "resume" });
  }

  /** While paused, continues for one batch. */
  step(): boolean {
    return this.#control.request({ type: "step" });
  }

  /**
   * Cuts a phase short, from outside or inside: queued work is dropped, `signal` aborts, the hook
   * that is running finishes, then the after hooks run.
   *
   * @param phase A `"batch"`; an `"epoch"`, validation or test; or the whole `"train"`ing.
   * @param reason The reason that the result of the training gives.
   * @returns `false` if no such phase is open.
   * @throws {TypeError} If the phase is not one of these.
   */
  cancel(phase: "batch" | "epoch" | "train", reason?: string): boolean {
    return this.#control.request(eventOf(`cancel.${phase}`), reason);
  }

  /**
   * Whether an event would be accepted now.
   *
   * @throws {TypeError} If there is no such event.
   */
  can(event: RunEvent): boolean {
    return this.#control.can(eventOf(event));
  }

  /** The mean loss of the current pass so far. This reads the device: not for every batch. */
  async lossSoFar(): Promise<number> {
    return await this.#control.run?.lossSoFar() ?? NaN;
  }

  /**
   * Lists the callbacks of each hook: a line for each hook, in the order in which hooks run; in it
   * the callbacks in the order in which they are called, each with its priority.
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

  /**
   * Whether the current batch is the last of its pass. Where the loader has no length, the next
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
    return await this.#control.run?.isLastBatch() ?? false;
  }

  /**
   * Reads a loader apart from any run, for callbacks that look at data by themselves: in the order
   * of an epoch, within the limits, and changed by the callbacks that change batches.
   *
   * @param name The loader.
   * @param options The order of the batches, and whether callbacks change them.
   * @returns The batches, each disposed when the next is asked for or the loop is left.
   * @throws {TypeError} If there is no such loader.
   */
  batches(
    name: keyof Dataloaders,
    options: ReadBatchesOptions = {},
  ): AsyncGenerator<Batch<Data, Labels>, void> {
    checkOptions("read batches", options, { epoch: true, transform: "flag" });
    return readBatches(this, name, options);
  }

  #check(kind: RunKind, options: RunOptions, known: object = RUN_OPTIONS): void {
    this.#control.checkIdle(kind);
    refuseHalfPrecision(kind, options);
    checkOptions(kind, options, known as Record<keyof RunOptions, true>);
    checkStart(kind, this, options);
  }

  async #evaluate(kind: "validate" | "test", options: RunOptions): Promise<TrainResult> {
    this.#check(kind, options);
    const control = this.#control;
    return await control.exclusively([], async () => {
      const preparing = control.prepare();
      if (preparing) await preparing;
      return this.#result(await control.start(kind, options));
    });
  }

  #result({ status, reason }: RunOutcome): TrainResult {
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
