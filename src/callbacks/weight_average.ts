import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { refreshStatistics } from "../model/batch_norm_statistics.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { isTraining } from "./support/monitor.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { variablesOf } from "../model/model.ts";

/** Options of {@linkcode WeightAverage}. */
export interface WeightAverageOptions {
  /**
   * `"ema"`: an exponential moving average, updated at every step. `"swa"`: the plain mean of the
   * weights at the ends of epochs. Default: `"ema"`.
   */
  method?: "ema" | "swa";
  /**
   * How much of the moving average is kept at each step, in [0, 1). The first steps keep less:
   * `(1 + steps) / (10 + steps)`. Default: 0.999.
   */
  decay?: number;
  /** The first epoch that counts, 0-based. Default: 0, for `"swa"` after three quarters of all. */
  startEpoch?: number;
  /**
   * Over how many batches of training the statistics of batch normalisation are computed anew each
   * time the average is swapped in, >= 0. Default: 0, for `"swa"` a whole epoch.
   */
  refreshBatches?: number;
}

interface State {
  updates: number;
  swapped: boolean;
  /** In the order of the model's variables: names differ from one process to the next. */
  kept?: tf.Tensor[];
}

/**
 * Averages the weights: the average generalises better than the last weights do.
 *
 * It is swapped in for every validation, and stays in the model until the next epoch begins, so that
 * whatever monitors, saves or keeps the best weights deals with those that were validated. After the
 * training it stays for good, and is what is tested. A training that fails ends with the weights
 * that were trained.
 *
 * Statistics of batch normalisation are averaged with the weights, or computed anew.
 *
 * Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
 * https://doi.org/10.1137/0330046. Izmailov et al., "Averaging Weights Leads to Wider Optima and
 * Better Generalization", 2018, https://arxiv.org/abs/1803.05407.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf, WeightAverage } from "@trainchart/trainchart";
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
 */
export class WeightAverage extends Callback {
  /** Before whatever saves, after whatever measures. */
  override priority: number = PRIORITIES.schedules;
  readonly #options: WeightAverageOptions;
  readonly #swa: boolean;
  #updates = 0;
  /** Whether the average is in the model, and the trained weights are kept here. */
  #swapped = false;
  #kept: tf.Tensor[] | undefined;

  /**
   * Checks the options.
   *
   * @param options What to average.
   * @throws {TypeError} If there is no such method.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: WeightAverageOptions = {}) {
    super();
    checkOptions("average weights", options, {
      method: true,
      decay: true,
      startEpoch: true,
      refreshBatches: true,
    });
    const { method = "ema", decay = 0.999, startEpoch = 0, refreshBatches = 0 } = options;
    if (method !== "ema" && method !== "swa") {
      throw new TypeError(
        `Cannot average weights as method must be "ema" or "swa": current value is ${method}`,
      );
    }
    check("decay must be in [0, 1)", decay, decay >= 0 && decay < 1);
    check(
      "startEpoch must be an integer >= 0",
      startEpoch,
      startEpoch >= 0 && startEpoch % 1 === 0,
    );
    check("refreshBatches must be >= 0", refreshBatches, refreshBatches >= 0);
    this.#options = { ...options };
    this.#swa = method === "swa";
  }

  /** Begins anew. */
  override beforeTrain(): void {
    this.#forget();
  }

  /** Goes on with the weights that are trained. */
  override beforeEpoch(learner: AnyLearner): void {
    if (this.#swapped) this.#swap(learner);
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
    if (learner.failures.length === 0) this.#update(learner, 1 / (this.#updates + 1));
  }

  /** Swaps the average in. */
  override async beforeValidate(learner: AnyLearner): Promise<void> {
    if (isTraining(learner)) await this.#swapIn(learner);
  }

  /** Leaves the average in the model. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    try {
      if (learner.failures.length === 0) await this.#swapIn(learner);
      else if (this.#swapped) this.#swap(learner);
    } finally {
      this.#forget();
    }
  }

  /**
   * The average, or while that is in the model the weights that are trained, for a checkpoint; the
   * tensors stay its own.
   */
  override state(): unknown {
    return {
      updates: this.#updates,
      swapped: this.#swapped,
      ...this.#kept && { kept: this.#kept },
    } satisfies State;
  }

  /** Goes on from a checkpoint, whose tensors are now its own. */
  override restore(state: unknown): void {
    const { updates, swapped, kept } = state as State;
    this.#forget();
    this.#updates = updates;
    this.#swapped = swapped;
    this.#kept = kept;
  }

  #begun({ epoch, epochs }: AnyLearner): boolean {
    return epoch >= (this.#options.startEpoch ?? (this.#swa ? Math.floor(0.75 * epochs) : 0));
  }

  /** Moves the average by a part of the way to the weights. */
  #update({ model }: AnyLearner, part: number): void {
    const kept = this.#kept ??= [];
    for (const [index, variable] of variablesOf(model).entries()) {
      const old = kept[index];
      kept[index] = !old || variable.dtype !== "float32"
        ? variable.clone()
        : tf.tidy(() => old.add(tf.sub(variable, old).mul(part)));
      old?.dispose();
    }
    this.#updates++;
  }

  async #swapIn(learner: AnyLearner): Promise<void> {
    if (this.#swapped || !this.#kept) return;
    this.#swap(learner);
    await refreshStatistics(
      learner.model,
      () => learner.batches("train", { epoch: learner.epoch }),
      this.#options.refreshBatches ?? (this.#swa ? Infinity : 0),
    );
  }

  #swap({ model }: AnyLearner): void {
    const kept = this.#kept!;
    for (const [index, variable] of variablesOf(model).entries()) {
      const old = kept[index];
      kept[index] = variable.clone();
      variable.assign(old);
      old.dispose();
    }
    this.#swapped = !this.#swapped;
  }

  #forget(): void {
    if (this.#kept) tf.dispose(this.#kept);
    this.#kept = undefined;
    this.#updates = 0;
    this.#swapped = false;
  }
}

function check(requirement: string, value: number, holds: boolean): void {
  if (holds) return;
  throw new RangeError(`Cannot average weights as ${requirement}: current value is ${value}`);
}
