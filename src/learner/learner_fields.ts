import type { tf } from "../deps/tfjs.ts";
import type { Phase } from "../chart/hooks.ts";
import { loaderLength, type Peers } from "../data/loader.ts";
import { isModel, type Model } from "../model/model.ts";
import { learningRateOf, setLearningRate } from "../optimizers/optimizer_state.ts";
import { mixKey } from "../random/random_numbers.ts";
import { batchTensorsOf } from "./batch_tensors.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import { checkNumber, describeValue } from "../checks/check_options.ts";
import { type AnyObjective, DEFAULT_STAGES, type Stages } from "./own_steps.ts";
import type { Dataloaders } from "./run_interface.ts";

/** The fields of a Learner of batches of any kind. */
// deno-lint-ignore no-explicit-any -- the kind of batch is known only where a Learner is made
export type AnyFields = LearnerFields<any, any, any>;

/**
 * The stages of any Learner.
 *
 * @category Learner
 */
// deno-lint-ignore no-explicit-any -- the Learner is known only where one is made
export type AnyStages = Stages<any>;

/**
 * The parts that a Learner is made of.
 *
 * @category Learner
 */
export interface LearnerParts<Data, Labels, Predictions> {
  /** The model to train. */
  readonly model: tf.LayersModel | Model<Data, Predictions>;
  /** The optimizer that updates the weights. */
  readonly optimizer?: tf.Optimizer;
  /** The loss to minimise. */
  readonly lossFunction?: LossOf<Predictions, Labels>;
  /** Several losses, each with an optimizer, instead of one. */
  readonly objectives?: Readonly<Record<string, AnyObjective>>;
  /** Replacements of the stages of a step. */
  readonly stages?: Partial<AnyStages>;
  /** The loaders. */
  readonly dataloaders?: Dataloaders<Data, Labels>;
  /** The callbacks. */
  readonly callbacks?: readonly AnyCallback[];
  /** The seed. */
  readonly seed?: number;
  /** Whether steps are compiled. */
  readonly compile?: boolean;
}

/**
 * A loss function: returns a scalar to minimise, computed by TensorFlow.js operations. Of a batch with
 * weights it is given a third argument, `{ weights }`.
 *
 * @category Learner
 */
export type LossOf<Predictions, Labels> = (
  predictions: Predictions,
  labels: Labels,
  // deno-lint-ignore no-explicit-any -- losses of TensorFlow.js have other options
  options?: any,
) => tf.Tensor;

/**
 * Everything that a callback may read *and change* on a Learner: a change takes effect at the next
 * use. Each field says from which hook on it is set.
 *
 * The tensors of a batch belong to the Learner, which disposes them after the batch's after hooks:
 * a callback that keeps one clones it.
 *
 * @category Learner
 */
export class LearnerFields<Data = tf.Tensor, Labels = tf.Tensor, Predictions = tf.Tensor> {
  /** Several losses by name, each with an optimizer, in the order of a batch. Default: `{}`. */
  objectives: Record<string, AnyObjective>;
  /** The stages of a step: predict, loss, gradients and update. */
  stages: AnyStages;
  /** The loaders of batches. */
  dataloaders: Dataloaders<Data, Labels>;
  /** Makes shuffling and random draws repeat exactly: a safe integer. */
  seed: number | undefined;
  /** Whether steps are recorded and played back; `undefined` where that is known to be safe. */
  compile: boolean | undefined;

  /**
   * Seed of loaders without a seed if the Learner has none either. It is drawn at construction, and
   * checkpoints keep it, so that resuming is exact without a seed, too.
   */
  loaderSeed: number;
  /**
   * Number of trainings begun, the current one included. Each `train()` draws shuffles and dropouts
   * of its own: with a seed, the n-th training of a program repeats the n-th training.
   */
  trainings = 0;

  /** Number of batches begun in this training. Set from `beforeBatch` on. */
  trainedBatches = 0;
  /** Number of batches begun in this training before its last validation within an epoch. */
  validatedAt: number | undefined;
  /** Name of the current objective, from the step on to `afterBatch`; `undefined` elsewhere. */
  objective: string | undefined;
  /** Index of the current batch in its pass, 0-based; -1 before the first. */
  batchIndex: number = -1;
  /** Number of examples in the current batch. Set from `before…Batch` on. */
  batchSize: number = 0;
  /**
   * Largest number of batches that a pass reads of each loader, and a prediction of its input;
   * integers >= 1. Default: all.
   */
  limits: Partial<Record<keyof Dataloaders | "predict", number>> = {};
  /**
   * Whether an epoch continues the training loader where the epoch before stopped reading it, instead
   * of opening it again. Default: false.
   */
  continueLoader = false;
  /** The other processes that train the same model, if any. Set before all other work. */
  peers: Peers | undefined;
  /** The current phase. Set from `beforeTrain`, `beforeValidate` and `beforeTest` on. */
  phase: Phase = "idle";
  /** Mean training loss, weighted by batch size. Set from `afterEpoch` on. */
  trainLoss: number = NaN;
  /** Mean validation loss, weighted by batch size. Set from `afterValidate` on. */
  validationLoss: number = NaN;
  /** Mean test loss, weighted by batch size. Set from `afterTest` on. */
  testLoss: number = NaN;
  /** The newest value of each metric, by name: `"validation.loss"`. */
  metrics: Record<string, number> = {};

  #model!: tf.LayersModel | Model<Data, Predictions>;
  #callbacks: AnyCallback[] = [];
  #epoch = 0;
  #epochs = 0;
  #validationEpochs = 1;
  #validationBatches: number | undefined;
  #batchesPerUpdate = 1;
  readonly #tensors = batchTensorsOf(this);
  #optimizer: tf.Optimizer;
  #lossFunction: LossOf<Predictions, Labels>;

  /**
   * Sets the fields.
   *
   * @param parts The parts, checked already.
   */
  constructor(parts: LearnerParts<Data, Labels, Predictions>) {
    this.model = parts.model;
    this.objectives = { ...parts.objectives };
    this.stages = { ...DEFAULT_STAGES, ...parts.stages };
    this.#optimizer = parts.optimizer!;
    this.#lossFunction = parts.lossFunction!;
    this.dataloaders = { ...parts.dataloaders };
    this.callbacks = [...parts.callbacks ?? []];
    this.seed = parts.seed;
    this.compile = parts.compile;
    this.loaderSeed = crypto.getRandomValues(new Uint32Array(1))[0];
  }

  /** The model to train. */
  get model(): tf.LayersModel | Model<Data, Predictions> {
    return this.#model;
  }
  set model(model: tf.LayersModel | Model<Data, Predictions>) {
    const required = "be a tf.LayersModel or { apply, trainableVariables }";
    checkField("model", isModel(model), required, model);
    this.#model = model;
  }

  /** The callbacks: add, remove and reorder them at any time. One that is added again runs twice. */
  get callbacks(): AnyCallback[] {
    return this.#callbacks;
  }
  set callbacks(callbacks: AnyCallback[]) {
    checkField("callbacks", Array.isArray(callbacks), "be an array", callbacks);
    this.#callbacks = callbacks;
  }

  /** Index of the current epoch, 0-based; from `afterTrain` on, the number of finished epochs. */
  get epoch(): number {
    return this.#epoch;
  }
  set epoch(epoch: number) {
    this.#epoch = checkCount("epoch", epoch, 0);
  }

  /**
   * Number of epochs of this training, an integer >= 0, or Infinity for a training that a callback
   * ends. Set from `beforeTrain` on.
   */
  get epochs(): number {
    return this.#epochs;
  }
  set epochs(epochs: number) {
    this.#epochs = epochs === Infinity ? epochs : checkCount("epochs", epochs, 0);
  }

  /**
   * Validate after every this many epochs, an integer >= 1, or Infinity for never. Set from
   * `beforeTrain` on.
   */
  get validationEpochs(): number {
    return this.#validationEpochs;
  }
  set validationEpochs(epochs: number) {
    this.#validationEpochs = epochs === Infinity
      ? epochs
      : checkCount("validationEpochs", epochs, 1);
  }

  /**
   * Validate also after every this many training batches, an integer >= 1; `undefined` for not at
   * all. Set from `beforeTrain` on.
   */
  get validationBatches(): number | undefined {
    return this.#validationBatches;
  }
  set validationBatches(batches: number | undefined) {
    if (batches !== undefined) checkCount("validationBatches", batches, 1);
    this.#validationBatches = batches;
  }

  /** Number of batches whose gradients make one update, an integer >= 1. */
  get batchesPerUpdate(): number {
    return this.#batchesPerUpdate;
  }
  set batchesPerUpdate(batches: number) {
    this.#batchesPerUpdate = checkCount("batchesPerUpdate", batches, 1);
  }

  /**
   * The optimizer that updates the weights: that of the current objective, or of the first one
   * outside of a step, if there are objectives.
   */
  get optimizer(): tf.Optimizer {
    return this.#currentObjective?.optimizer ?? this.#optimizer;
  }
  set optimizer(optimizer: tf.Optimizer) {
    const isOptimizer = typeof optimizer?.applyGradients === "function";
    checkField("optimizer", isOptimizer, "be a tf.Optimizer", optimizer);
    const objective = this.#currentObjective;
    if (objective) objective.optimizer = optimizer;
    else this.#optimizer = optimizer;
  }

  /** The loss to minimise: that of the current objective if there are objectives. */
  get lossFunction(): LossOf<Predictions, Labels> {
    return this.#currentObjective?.loss ?? this.#lossFunction;
  }
  set lossFunction(lossFunction: LossOf<Predictions, Labels>) {
    checkField("lossFunction", typeof lossFunction === "function", "be a function", lossFunction);
    const objective = this.#currentObjective;
    if (objective) objective.loss = lossFunction;
    else this.#lossFunction = lossFunction;
  }

  get #currentObjective(): AnyObjective | undefined {
    const name = this.objective ?? Object.keys(this.objectives)[0];
    return name === undefined ? undefined : this.objectives[name];
  }

  /** Input of the model: the data of the current batch. Set from `before…Batch` on. */
  get data(): Data {
    return this.#tensors.get("data") as Data;
  }
  set data(data: Data) {
    this.#tensors.put("data", data);
  }

  /** Targets: the labels of the current batch. Set from `before…Batch` on. */
  get labels(): Labels {
    return this.#tensors.get("labels") as Labels;
  }
  set labels(labels: Labels) {
    this.#tensors.put("labels", labels);
  }

  /**
   * Weights of the examples of the current batch, for the loss and the metrics, if the loader yields
   * `[data, labels, weights]`. Set from `before…Batch` on.
   */
  // deno-lint-ignore no-explicit-any -- a tensor, or one for each output
  get weights(): any {
    return this.#tensors.get("weights");
  }
  // deno-lint-ignore no-explicit-any -- a tensor, or one for each output
  set weights(weights: any) {
    this.#tensors.put("weights", weights);
  }

  /** Output of the model for the current batch. Set from `afterPredict` on. */
  get predictions(): Predictions {
    return this.#tensors.get("predictions") as Predictions;
  }
  set predictions(predictions: Predictions) {
    this.#tensors.put("predictions", predictions);
  }

  /** The scalar loss of the current batch, on the device. Set from `afterLoss` on. */
  get loss(): tf.Tensor {
    return this.#tensors.get("loss") as tf.Tensor;
  }
  set loss(loss: tf.Tensor) {
    this.#tensors.put("loss", loss);
  }

  /** The gradient of the loss by the name of each trained weight. Set from `afterBackward` on. */
  get gradients(): tf.NamedTensorMap {
    return this.#tensors.get("gradients") as tf.NamedTensorMap;
  }
  set gradients(gradients: tf.NamedTensorMap) {
    if (typeof gradients !== "object" || gradients === null) {
      throw new TypeError(
        "Cannot set the gradients as they must be tensors by the names of weights: current value is " +
          describeValue(gradients),
      );
    }
    this.#tensors.put("gradients", gradients);
  }

  /**
   * Weight of `gradients` in a mean with those of other batches or ranks: the number of examples, or
   * what the loss divides by. Set from `afterBackward` on.
   */
  get gradientWeight(): tf.Scalar | number {
    return this.#tensors.gradientWeight ?? this.batchSize;
  }
  set gradientWeight(weight: tf.Scalar | number) {
    this.#tensors.gradientWeight = weight;
  }

  /**
   * The optimizer's learning rate, per step, finite and >= 0. With objectives, it is that of the
   * current one; outside of a step it is read of the first and set for all.
   *
   * @throws {TypeError} If the optimizer has none.
   * @throws {RangeError} If it is set to anything else.
   */
  get learningRate(): number {
    return learningRateOf(this.optimizer);
  }
  set learningRate(rate: number) {
    const checked = checkNumber("set the learning rate", "it", rate, { min: 0 });
    const all = Object.values(this.objectives).map(({ optimizer }) => optimizer);
    const outside = this.objective === undefined && all.length > 0;
    for (const optimizer of outside ? all : [this.optimizer]) setLearningRate(optimizer, checked);
  }

  /** Seed of the random draws of the current training; `undefined` if the Learner has no seed. */
  get trainingSeed(): number | undefined {
    return this.seed === undefined ? undefined : ofTraining(this.seed, this.trainings);
  }

  /** Options with which a loader is opened: the order of the current epoch of this training. */
  get loaderOrder(): { epoch: number; seed: number; training: number } {
    const { epoch, seed = this.loaderSeed, trainings } = this;
    return { epoch, seed: ofTraining(seed, trainings), training: Math.max(0, trainings - 1) };
  }

  /** Whether a validation within the epoch has measured the current weights. */
  get isValidated(): boolean {
    return this.validatedAt !== undefined && this.validatedAt === this.trainedBatches;
  }

  /** Whether a validation follows the current epoch: it is due, and the weights are not validated. */
  get isValidationDue(): boolean {
    const { dataloaders, epoch, validationEpochs } = this;
    return dataloaders.validation !== undefined && (epoch + 1) % validationEpochs === 0 &&
      !this.isValidated;
  }

  /** Largest number of batches that a pass reads of a loader; `undefined` for all. */
  limitOf(name: keyof Dataloaders | "predict"): number | undefined {
    const limit = this.limits[name];
    return limit === undefined ? undefined : checkCount(`limits.${name}`, limit, 1);
  }

  /** Number of batches that a pass over a loader has, where it is known. */
  batchCount(name: keyof Dataloaders): number | undefined {
    const length = loaderLength(this.dataloaders[name], this.peers?.shard);
    const limit = this.limitOf(name);
    return length !== undefined && limit !== undefined ? Math.min(length, limit) : length;
  }
}

/** Checks a field that a callback sets: a wrong one would fail later, far from the hook. */
function checkField(name: string, isRight: boolean, required: string, value: unknown): void {
  if (isRight) return;
  throw new TypeError(
    `Cannot set learner.${name} as it must ${required}: current value is ${describeValue(value)}`,
  );
}

/** Checks a field that counts: a wrong one would end the run in silence. */
function checkCount(name: string, value: number, min: number): number {
  return checkNumber(`set learner.${name}`, "it", value, { integer: true, min });
}

/** The seed of the n-th training, which is the seed itself for the first. */
function ofTraining(seed: number, trainings: number): number {
  return trainings > 1 ? mixKey(seed, trainings - 1) : seed;
}
