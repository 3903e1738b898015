import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { CancelTrain } from "../errors.ts";
import type { RunKind } from "../chart/chart.ts";
import {
  type AnyLearner,
  Callback,
  nameOf,
  type StateCheck,
  weightList,
} from "../learner/callback.ts";
import { Monitor, type MonitorOptions } from "./support/monitor.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { assignWeights, cloneWeights, variablesOf } from "../model/model.ts";
import { areFinite } from "../tensors/nested_tensors.ts";

/**
 * Options of {@linkcode EarlyStopping}.
 *
 * @category Callbacks
 */
export interface EarlyStoppingOptions extends MonitorOptions {
  /** Stop after this many measurements in a row without improvement, an integer >= 1. Default: 3. */
  patience?: number;
  /**
   * Whether the model gets the weights of the best measurement back at the end, however the training
   * ended; the result then has the metrics of these weights. Default: false.
   */
  restoreBest?: boolean;
}

/** The metrics of some weights. */
interface Measurements {
  readonly trainLoss: number;
  readonly validationLoss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

interface State {
  /** Missing in checkpoints of version 0.1. */
  measurements?: Measurements;
  best: number | null;
  bestEpoch: number;
  waited: number;
  /** In the order of the model's variables, as names differ from one process to the next. */
  weights?: tf.Tensor[];
}

/**
 * Ends the training when a metric no longer improves.
 *
 * The weights that `restoreBest` keeps share memory with the model until the next update. Neither a
 * value nor weights that are not finite are ever the best.
 *
 * Prechelt, "Early Stopping - But When?", 1998, https://doi.org/10.1007/3-540-49430-8_3.
 *
 * @example
 * ```ts
 * import { EarlyStopping, Learner, sgd, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({
 *     layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
 *   }),
 *   optimizer: sgd(0), // learns nothing
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.zeros([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [new EarlyStopping({ monitor: "train.loss", patience: 2 })],
 * });
 * const { reason } = await learner.train({ epochs: 10 });
 * assertEquals(reason, "EarlyStopping: train.loss has not improved on 1 for 2 epochs");
 * ```
 *
 * @category Callbacks
 */
export class EarlyStopping extends Callback {
  /** After the callbacks that save. */
  override priority: number = PRIORITIES.stopping;
  /** Refuses others that restore weights. */
  override readonly decides: readonly string[];
  readonly #monitor: Monitor;
  readonly #patience: number;
  readonly #restoreBest: boolean;
  #waited = 0;
  #bestEpoch = 0;
  #weights: tf.Tensor[] | undefined;
  /** The measurements of those weights. */
  #measurements: Measurements | undefined;

  /**
   * Checks the options.
   *
   * @param options The metric to watch, and how long to wait for an improvement.
   * @throws {TypeError} If the metric cannot be monitored.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: EarlyStoppingOptions = {}) {
    super();
    checkOptions("stop early", options, {
      monitor: true,
      mode: true,
      minDelta: true,
      patience: true,
      restoreBest: "flag",
    });
    const { patience = 3, restoreBest = false } = options;
    this.#monitor = new Monitor(this.name, Monitor.optionsOf(options));
    this.#patience = checkNumber("stop early", "patience", patience, { integer: true, min: 1 });
    this.#restoreBest = restoreBest;
    this.decides = restoreBest ? ["the weights at the end"] : [];
  }

  /** The best value of this training, or of the last one; NaN before the first measurement. */
  get best(): number {
    return this.#monitor.best;
  }

  /** The epoch of the best value, 0-based. */
  get bestEpoch(): number {
    return this.#bestEpoch;
  }

  /**
   * Checks the other callbacks.
   *
   * @throws {TypeError} If an average of weights is in the model at the end, too.
   */
  override setUp({ callbacks }: AnyLearner, kind: RunKind): void {
    if (kind !== "train" || !this.#restoreBest) return;
    const { name } = this.#monitor;
    for (const other of callbacks) {
      // Not by its class, which a program without averages need not load.
      const { method } = other as { method?: unknown };
      if (method !== "ema" && method !== "swa") continue;
      // A moving average is validated: then the best weights are an average, too.
      if (method === "ema" && name.startsWith("validation.")) continue;
      throw new TypeError(
        `Cannot train: ${this.name} restores the weights of the best ${name}, and ${
          nameOf(other)
        } ` +
          `leaves its average in the model. Drop restoreBest or ${nameOf(other)}` +
          (method === "ema" ? ", or monitor a metric of validation." : "."),
      );
    }
  }

  /** Forgets the last training. */
  override beforeTrain(learner: AnyLearner): void {
    this.#monitor.begin(learner);
    this.#waited = this.#bestEpoch = 0;
  }

  /** Reads a metric of training. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    await this.#measured(learner, this.#monitor.read(learner, "afterEpoch"));
  }

  /** Reads a metric of validation. */
  override async afterValidate(learner: AnyLearner): Promise<void> {
    await this.#measured(learner, this.#monitor.read(learner, "afterValidate"));
    // The weights of a best training metric are validated after it.
    if (this.#measurements && this.#bestEpoch === learner.epoch) {
      this.#measurements = measurementsOf(learner);
    }
  }

  /** Puts the best weights into the model, and their measurements into the result. */
  override afterTrain(learner: AnyLearner): void {
    if (this.#weights) {
      assignWeights(learner.model, this.#weights);
      const { metrics, ...losses } = this.#measurements ?? { metrics: {} };
      Object.assign(learner, losses);
      Object.assign(learner.metrics, metrics);
    }
    this.#forget();
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path, learner) =>
    field.record({
      best: field.nullable(field.measurement),
      bestEpoch: field.integer({ min: -1 }),
      waited: field.integer({ min: 0 }),
      weights: field.optional(weightList(learner)),
      measurements: field.optional(field.record({
        trainLoss: field.measurement,
        validationLoss: field.measurement,
        metrics: field.recordOf(field.measurement),
      })),
    })(state, path);

  /** The best value and its weights, for a checkpoint; the tensors stay the callback's. */
  override state(): unknown {
    const { best } = this.#monitor;
    return {
      best: Number.isNaN(best) ? null : best,
      bestEpoch: this.#bestEpoch,
      waited: this.#waited,
      ...this.#weights && { weights: this.#weights },
      ...this.#measurements && { measurements: this.#measurements },
    } satisfies State;
  }

  /** Continues from a checkpoint; its tensors now belong to the callback. */
  override restore(state: unknown): void {
    const { best, bestEpoch, waited, weights, measurements } = state as State;
    this.#forget();
    this.#measurements = measurements;
    this.#monitor.best = best ?? NaN;
    this.#bestEpoch = bestEpoch;
    this.#waited = waited;
    this.#weights = weights;
  }

  async #measured(learner: AnyLearner, value: number | undefined): Promise<void> {
    if (value === undefined) return;
    const { model, epoch } = learner;
    // A finite loss may have been measured before the update that spoilt the weights.
    const spoilt = this.#restoreBest && !await areFinite(variablesOf(model));
    if (this.#monitor.improves(spoilt ? NaN : value)) {
      this.#waited = 0;
      this.#bestEpoch = epoch;
      if (!this.#restoreBest) return;
      this.#forget();
      this.#weights = cloneWeights(model);
      this.#measurements = measurementsOf(learner);
      return;
    }
    this.#waited++;
    if (this.#waited < this.#patience) return;
    const { name, best } = this.#monitor;
    if (Number.isNaN(best)) {
      const state = spoilt ? "the weights are not finite" : `${name} is ${value}`;
      throw new CancelTrain(`${this.name}: ${state}`);
    }
    const epochs = learner.epoch - this.#bestEpoch;
    throw new CancelTrain(
      `${this.name}: ${name} has not improved on ${Number(best.toPrecision(4))} for ${epochs} ` +
        (epochs === 1 ? "epoch" : "epochs"),
    );
  }

  #forget(): void {
    if (this.#weights) tf.dispose(this.#weights);
    this.#weights = this.#measurements = undefined;
  }
}

function measurementsOf({ trainLoss, validationLoss, metrics }: AnyLearner): Measurements {
  return { trainLoss, validationLoss, metrics: { ...metrics } };
}
