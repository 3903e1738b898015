import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { refreshStatistics } from "../model/layers.ts";
import { assignWeights, cloneWeights, type Model, variablesOf } from "../model/model.ts";
import { type AnyLearner, Callback, type StateCheck, weightList } from "../learner/callback.ts";
import { isTraining } from "./support/monitor.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

type AnyModel = tf.LayersModel | Model;

/** The trained weights of each model that holds an average. */
const TRAINED = new WeakMap<AnyModel, tf.Tensor[]>();

/**
 * Puts other weights into a model. The trained weights are put aside, unless they are already; the
 * values stay the caller's.
 */
function swapWeights(model: AnyModel, values: readonly tf.Tensor[]): void {
  if (!TRAINED.has(model)) TRAINED.set(model, cloneWeights(model));
  assignWeights(model, values);
}

/** Puts the trained weights back into a model, if they were put aside. */
function putTrainedWeightsBack(model: AnyModel): void {
  const trained = TRAINED.get(model);
  if (trained) assignWeights(model, trained);
  forgetTrainedWeights(model);
}

/** Forgets the trained weights of a model, whose other weights stay. */
function forgetTrainedWeights(model: AnyModel): void {
  tf.dispose(TRAINED.get(model) ?? []);
  TRAINED.delete(model);
}

/** The trained weights that were put aside; they stay here. */
function trainedWeights(model: AnyModel): tf.Tensor[] | undefined {
  return TRAINED.get(model);
}

/** Puts trained weights aside that a checkpoint contains; they now belong here. */
function restoreTrainedWeights(model: AnyModel, weights: tf.Tensor[]): void {
  forgetTrainedWeights(model);
  TRAINED.set(model, weights);
}

/**
 * Options of {@linkcode WeightAverage}.
 *
 * @category Callbacks
 */
export interface WeightAverageOptions {
  /**
   * `"ema"`: an exponential moving average, updated at every step. `"swa"`: the plain mean of the
   * weights at the ends of epochs. Default: `"ema"`.
   */
  method?: "ema" | "swa";
  /**
   * The part of the moving average that is kept at each step, in [0, 1). The first steps keep less:
   * `(1 + steps) / (10 + steps)`. Default: 0.999.
   */
  decay?: number;
  /**
   * The first epoch that counts, an integer >= 0. Default: 0; for `"swa"`, the epoch after three
   * quarters of the training.
   */
  startEpoch?: number;
  /**
   * Number of training batches over which the statistics of batch normalisation are recomputed
   * whenever the average is swapped in, >= 0. Default: 0; for `"swa"`, a whole epoch.
   */
  refreshBatches?: number;
}

interface State {
  updates: number;
  swapped: boolean;
  /**
   * The average, or while it is in the model the trained weights; in the order of the model's
   * variables, as names differ from one process to the next.
   */
  kept?: tf.Tensor[];
  /** The average, while the model holds another one. */
  average?: tf.Tensor[];
}

/** Of several averages that are swapped in, the last: the model holds it. */
const INNERMOST = new WeakMap<AnyLearner["model"], WeightAverage>();

/**
 * Averages the weights: the average generalises better than the last weights do.
 *
 * The average is swapped in for every validation, and stays in the model until the next epoch begins,
 * so that callbacks that monitor, save or keep the best weights see those that were validated. After
 * the training it stays in the model, and is tested; of several averages, the last one. A training
 * that fails ends with the trained weights.
 *
 * Statistics of batch normalisation are averaged with the weights, or recomputed.
 *
 * Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
 * https://doi.org/10.1137/0330046. Izmailov et al., "Averaging Weights Leads to Wider Optima and
 * Better Generalization", 2018, https://arxiv.org/abs/1803.05407.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { WeightAverage } from "@trainchart/trainchart/callbacks";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const layer = tf.layers.dense({ units: 1, inputShape: [1], useBias: false });
 * const ends: number[] = [];
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [layer] }),
 *   optimizer: sgd(0.1),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [
 *     new WeightAverage({ method: "swa", startEpoch: 1 }),
 *     { afterEpoch: () => void ends.push(layer.getWeights()[0].dataSync()[0]) },
 *   ],
 * });
 * await learner.train({ epochs: 3 });
 * assertAlmostEquals(layer.getWeights()[0].dataSync()[0], (ends[1] + ends[2]) / 2, 1e-6);
 * ```
 *
 * @category Callbacks
 */
export class WeightAverage extends Callback {
  /** After the callbacks that measure, before those that save. */
  override priority: number = PRIORITIES.schedules;
  /** The kind of average. */
  readonly method: "ema" | "swa";
  readonly #options: WeightAverageOptions;
  readonly #swa: boolean;
  #updates = 0;
  #average: tf.Tensor[] | undefined;
  /** The model, while it holds the average, or another average that was swapped in later. */
  #swapped: AnyLearner["model"] | undefined;

  /**
   * Checks the options.
   *
   * @param options The kind of average.
   * @throws {TypeError} If the method is unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: WeightAverageOptions = {}) {
    super();
    const action = "average weights";
    checkOptions(action, options, {
      method: true,
      decay: true,
      startEpoch: true,
      refreshBatches: true,
    });
    const { method = "ema", decay = 0.999, startEpoch = 0, refreshBatches = 0 } = options;
    if (method !== "ema" && method !== "swa") {
      throw new TypeError(
        `Cannot ${action} as method must be "ema" or "swa": current value is ${
          describeValue(method)
        }`,
      );
    }
    checkNumber(action, "decay", decay, { min: 0, below: 1 });
    checkNumber(action, "startEpoch", startEpoch, { integer: true, min: 0 });
    checkNumber(action, "refreshBatches", refreshBatches, { min: 0, infinite: true });
    this.#options = { ...options };
    this.method = method;
    this.#swa = method === "swa";
  }

  /** Forgets the last average. */
  override beforeTrain(): void {
    this.#forget();
  }

  /** Puts the trained weights back. */
  override beforeEpoch({ model }: AnyLearner): void {
    this.#putBack(model);
  }

  /** Puts the trained weights back after a validation within the epoch. */
  override beforeBatch({ model }: AnyLearner): void {
    this.#putBack(model);
  }

  /** Updates the moving average. */
  override afterStep(learner: AnyLearner): void {
    if (this.#swa || !this.#begun(learner) || Object.keys(learner.gradients).length === 0) return;
    const { decay = 0.999 } = this.#options;
    this.#update(learner, 1 - Math.min(decay, (1 + this.#updates) / (10 + this.#updates)));
  }

  /** Updates the mean of epochs. */
  override afterEpoch(learner: AnyLearner): void {
    if (!this.#swa || !this.#begun(learner) || learner.cancelled.has("epoch")) return;
    if (learner.failures.length > 0) return;
    this.#putBack(learner.model); // after a validation at the end of the epoch
    this.#update(learner, 1 / (this.#updates + 1));
  }

  /** Swaps the average in. */
  override async beforeValidate(learner: AnyLearner): Promise<void> {
    if (isTraining(learner)) await this.#swapIn(learner);
  }

  /** Leaves the average in the model. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    const { failures, model } = learner;
    try {
      if (failures.length === 0) await this.#swapIn(learner);
      else if (this.#swapped) putTrainedWeightsBack(model);
    } finally {
      forgetTrainedWeights(model);
      this.#forget();
    }
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path, learner) =>
    field.record({
      updates: field.integer({ min: 0 }),
      swapped: field.flag,
      kept: field.optional(weightList(learner)),
      average: field.optional(weightList(learner)),
    })(state, path);

  /** The average, and the trained weights while it is in the model; the tensors stay theirs. */
  override state(): unknown {
    const swapped = this.#swapped;
    const inModel = swapped !== undefined && INNERMOST.get(swapped) === this;
    return {
      updates: this.#updates,
      swapped: swapped !== undefined,
      ...swapped ? { kept: trainedWeights(swapped) } : this.#average && { kept: this.#average },
      ...swapped && !inModel && { average: this.#average },
    } satisfies State;
  }

  /** Continues from a checkpoint; its tensors now belong to the callback. */
  override restore(state: unknown, { model }: AnyLearner): void {
    const { updates, swapped, kept, average } = state as State;
    this.#forget();
    this.#updates = updates;
    if (!swapped) {
      this.#average = kept;
      return;
    }
    restoreTrainedWeights(model, kept!);
    if (!average) INNERMOST.set(model, this);
    this.#average = average ?? cloneWeights(model);
    this.#swapped = model;
  }

  #putBack(model: AnyLearner["model"]): void {
    if (!this.#swapped) return;
    putTrainedWeightsBack(model);
    this.#swapped = undefined;
  }

  #begun({ epoch, epochs }: AnyLearner): boolean {
    return epoch >= (this.#options.startEpoch ?? (this.#swa ? Math.floor(0.75 * epochs) : 0));
  }

  /** Moves the average by a part of the way to the weights. */
  #update({ model }: AnyLearner, part: number): void {
    const average = this.#average ??= [];
    for (const [index, variable] of variablesOf(model).entries()) {
      const old = average[index];
      average[index] = !old || variable.dtype !== "float32"
        ? variable.clone()
        : tf.tidy(() => old.add(tf.sub(variable, old).mul(part)));
      old?.dispose();
    }
    this.#updates++;
  }

  async #swapIn(learner: AnyLearner): Promise<void> {
    if (this.#swapped || !this.#average) return;
    const { model, epoch } = learner;
    swapWeights(model, this.#average);
    this.#swapped = model;
    INNERMOST.set(model, this);
    await refreshStatistics(
      model,
      () => learner.batches("train", { epoch }),
      this.#options.refreshBatches ?? (this.#swa ? Infinity : 0),
    );
  }

  #forget(): void {
    if (this.#average) tf.dispose(this.#average);
    this.#average = undefined;
    this.#updates = 0;
    this.#swapped = undefined;
  }
}
