import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { CancelTrain } from "../errors.ts";
import { type Plot, plotters } from "../pictures.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { hasDiverged, longestDescent, steepestDescent } from "./support/loss_curve.ts";
import { snapshotLearner } from "./support/snapshot_learner.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Options of {@linkcode LearningRateFinder}.
 *
 * @category Callbacks
 */
export interface LearningRateFinderOptions {
  /** The first rate, per step, finite and > 0. Default: 1e-7. */
  from?: number;
  /** The last rate, per step, finite and > `from`. Default: 10. */
  to?: number;
  /** Number of rates to try, an integer >= 10. Default: 100. */
  steps?: number;
}

/**
 * The loss at one learning rate.
 *
 * @category Callbacks
 */
export interface LearningRatePoint {
  /** Per step. */
  learningRate: number;
  /** Loss of the batch. */
  loss: number;
  /** Exponential moving average of the losses up to this one. */
  smoothed: number;
}

/**
 * Learning rates, per step, that are worth trying; `undefined` if the loss never fell.
 *
 * @category Callbacks
 */
export interface SuggestedRates {
  /** The rate at which the loss falls fastest: a careful choice. */
  steepest: number | undefined;
  /** The rate two thirds of the way down the longest descent: usually the better choice. */
  valley: number | undefined;
}

/** The part of the moving average that is kept at each step. */
const SMOOTHING = 0.9;

/**
 * Finds a learning rate: trains with a rate that grows by the same factor in every step, until the
 * loss has diverged: until it is above its best by 3 times its descent. Afterwards weights and
 * optimizer are what they were.
 *
 * {@linkcode LearningRateFinder.find} does it all. As a callback, the finder turns any training into
 * a sweep of as many epochs as it takes. It reads the loss of every batch off the device.
 *
 * Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
 * https://arxiv.org/abs/1506.01186.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { LearningRateFinder } from "@trainchart/trainchart/callbacks";
 * import { assert } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.fill([1, 1], 5)]] },
 * });
 * const finder = new LearningRateFinder();
 * const { valley } = await finder.find(learner);
 * assert(valley! > 1e-3 && valley! < 1);
 * assert(finder.curve.length > 10);
 * ```
 *
 * @category Callbacks
 */
export class LearningRateFinder extends Callback {
  /** Among the callbacks that set rates. */
  override priority: number = PRIORITIES.schedules;
  /** Refuses other callbacks that set the rate. */
  override readonly decides: readonly string[] = ["the learning rate"];
  /** The losses of the last sweep, in the order of rates. */
  curve: LearningRatePoint[] = [];
  readonly #from: number;
  readonly #to: number;
  readonly #steps: number;
  #mean = 0;
  /** Sum of losses and of examples since the last update. */
  #window = Float64Array.of(0, 0);
  #updated = false;
  #sweeping = false;

  /**
   * Checks the options.
   *
   * @param options The rates to try.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: LearningRateFinderOptions = {}) {
    super();
    const action = "search for a learning rate";
    checkOptions(action, options, { from: true, to: true, steps: true });
    const { from = 1e-7, to = 10, steps = 100 } = options;
    this.#from = checkNumber(action, "from", from, { above: 0 });
    this.#to = checkNumber(action, "to", to, { above: from });
    this.#steps = checkNumber(action, "steps", steps, { integer: true, min: 10 });
  }

  /**
   * Runs a sweep. Nothing is validated or tested, and only the callbacks run that decide what is
   * trained: those that measure, set rates, save, stop or display are left out.
   *
   * @param learner The Learner; its training loader is read as often as necessary.
   * @returns Rates worth trying.
   * @throws {unknown} If the training fails: the error of the training.
   */
  async find(learner: AnyLearner): Promise<SuggestedRates> {
    const { callbacks, trainings } = learner;
    const kept = callbacks.filter(({ priority = 0 }) => priority < PRIORITIES.metrics);
    learner.callbacks = [...kept.filter((callback) => callback !== this), this];
    try {
      await learner.train();
    } finally {
      learner.callbacks = callbacks;
      learner.trainings = trainings;
    }
    return this.suggest();
  }

  /** Rates worth trying, from the last sweep. */
  suggest(): SuggestedRates {
    const { curve } = this;
    const steepest = steepestDescent(curve.map(({ smoothed }) => smoothed));
    const valley = longestDescent(curve.map(({ smoothed }) => smoothed));
    return { steepest: curve[steepest]?.learningRate, valley: curve[valley]?.learningRate };
  }

  /**
   * Draws the loss over the rates of the last sweep, and marks the rates worth trying.
   *
   * @throws {Error} If there was no sweep yet, or `@trainchart/trainchart/plots` was not imported.
   */
  plot(): Plot {
    if (this.curve.length === 0) {
      throw new Error(
        "Cannot draw the search for a learning rate: no search was made. Call find() first.",
      );
    }
    const marks = Object.entries(this.suggest())
      .flatMap(([name, x]) => x === undefined ? [] : [{ x, label: `${name} ${x.toPrecision(2)}` }]);
    const points = this.curve.map(({ learningRate: x, smoothed: y }) => ({ x, y }));
    const [x, y] = ["learning rate, per step", "loss, smoothed"];
    return plotters().curve(points, {
      title: "Search for a learning rate",
      x,
      y,
      logX: true,
      marks,
    });
  }

  /** Takes a snapshot, removes the other loaders, and makes the training long enough. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    const { dataloaders } = learner;
    const snapshot = snapshotLearner(learner);
    this.#sweeping = true;
    learner.epochs = this.#steps;
    learner.dataloaders = { ...dataloaders, validation: undefined, test: undefined };
    return () => {
      this.#sweeping = false;
      learner.dataloaders = dataloaders;
      snapshot.restore();
    };
  }

  /** Forgets the last sweep. */
  override beforeTrain(): void {
    this.curve = [];
    this.#mean = 0;
    this.#window = Float64Array.of(0, 0);
  }

  /** Sets the rate of the step. */
  override beforeBatch(learner: AnyLearner): void {
    learner.learningRate = this.#from *
      (this.#to / this.#from) ** (this.curve.length / (this.#steps - 1));
  }

  /** Notes whether the weights were updated: accumulated gradients make one step of several batches. */
  override afterStep({ gradients }: AnyLearner): void {
    this.#updated = Object.keys(gradients).length > 0;
  }

  /** Records the loss of the step. */
  override async afterBatch(learner: AnyLearner): Promise<void> {
    const updated = this.#updated;
    this.#updated = false;
    if (learner.cancelled.has("batch") || learner.failures.length > 0) return;
    const { learningRate, batchSize, peers } = learner;
    const [own] = await learner.loss.data();
    const window = this.#window;
    window[0] += own * batchSize;
    window[1] += batchSize;
    if (!updated) return;
    this.#window = Float64Array.of(0, 0);
    peers?.sum(window);
    this.#add(learningRate, window[0] / window[1]);
  }

  #add(learningRate: number, loss: number): void {
    this.#mean = SMOOTHING * this.#mean + (1 - SMOOTHING) * loss;
    const smoothed = this.#mean / (1 - SMOOTHING ** (this.curve.length + 1));
    if (!Number.isFinite(loss) || hasDiverged(this.curve, smoothed)) {
      throw new CancelTrain(`${this.name}: the loss has diverged at a rate of ${learningRate}`);
    }
    this.curve.push({ learningRate, loss, smoothed });
    if (this.curve.length < this.#steps) return;
    throw new CancelTrain(`${this.name}: all ${this.#steps} rates are done`);
  }

  /**
   * A sweep ends with the weights from before it, which a checkpoint in the middle does not contain.
   *
   * @throws {Error} If a sweep is in progress.
   */
  override state(): unknown {
    if (!this.#sweeping) return {};
    throw new Error(
      "Cannot take a checkpoint: a search for a learning rate is in progress. Wait for its end.",
    );
  }

  /** Nothing to restore. */
  override restore(): void {}
}
