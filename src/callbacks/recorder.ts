import type { tf } from "../deps/tfjs.ts";
import type { BatchRecord, History } from "../pictures/history.ts";
import { type Plot, plotters } from "../pictures/plotters.ts";
import { metricsOfPhase } from "./support/metrics_of_phase.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

interface State {
  history: History;
  stride: number;
  step: number;
  seconds: number;
  epochSeconds: number;
  reading: { step: number; loss: tf.Tensor }[];
}

/**
 * Records a run as plain JSON.
 *
 * Losses of batches are sampled: all of them at first, and every second, fourth, … one once there
 * are more than `samples`. They are read while training goes on; nothing waits for the device
 * before the end of an epoch.
 *
 * @example
 * ```ts
 * import { Recorder } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const recorder = new Recorder({ samples: 100 });
 * // … new Learner({ callbacks: [recorder], … }).train()
 * assertEquals(recorder.history.epochs.length, 0);
 * ```
 *
 * @category Callbacks
 */
export class Recorder extends Callback {
  /** After everything that measures. */
  override priority: number = PRIORITIES.metrics + 10;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** What was recorded of the last run. */
  history: History = { batches: [], epochs: [], test: {} };
  readonly #samples: number;
  #stride = 1;
  #step = 0;
  #began = 0;
  #epochBegan = 0;
  /** Losses on their way off the device. */
  #reading = new Map<BatchRecord, { loss: tf.Tensor; done: Promise<void> }>();

  /**
   * Checks the options.
   *
   * @param options How much.
   * @param options.samples At most how many batches are kept, an integer >= 2. Default: 1000.
   * @throws {RangeError} If `samples` is not an integer >= 2.
   */
  constructor({ samples = 1000 }: { samples?: number } = {}) {
    super();
    if (!Number.isInteger(samples) || samples < 2) {
      throw new RangeError(
        `Cannot record as samples must be an integer >= 2: current value is ${samples}`,
      );
    }
    this.#samples = samples;
  }

  /** Begins a new history. */
  override beforeTrain(): void {
    this.history = { batches: [], epochs: [], test: {} };
    this.#stride = 1;
    this.#step = 0;
    this.#began = performance.now();
  }

  /** Starts the clock of the epoch. */
  override beforeEpoch(): void {
    this.#epochBegan = performance.now();
  }

  /** Samples the loss. */
  override afterBatch(learner: AnyLearner): void {
    const step = this.#step++;
    if (!learner.loss || learner.cancelled.has("batch") || step % this.#stride !== 0) return;
    const { epoch, learningRate } = learner;
    const seconds = (performance.now() - this.#began) / 1000;
    const record = { step, epoch, loss: NaN, learningRate, seconds };
    this.history.batches.push(record);
    this.#read(learner.loss, record);
    if (this.history.batches.length > this.#samples) this.#thinOut();
  }

  /** Records the epoch. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    await Promise.all(Array.from(this.#reading.values(), ({ done }) => done));
    this.history.epochs.push({
      epoch: learner.epoch,
      metrics: metricsOfPhase(learner, "train"),
      learningRate: learner.learningRate,
      seconds: (performance.now() - this.#epochBegan) / 1000,
    });
  }

  /** Adds what validation measured. */
  override afterValidate(learner: AnyLearner): void {
    const record = this.history.epochs.at(-1);
    if (!record || record.epoch !== learner.epoch) return;
    Object.assign(record.metrics, metricsOfPhase(learner, "validation"));
    record.seconds = (performance.now() - this.#epochBegan) / 1000;
  }

  /** Records the test. */
  override afterTest(learner: AnyLearner): void {
    this.history.test = metricsOfPhase(learner, "test");
  }

  /** What was recorded, for a checkpoint; losses that are not read yet stay its own. */
  override state(): unknown {
    const now = performance.now();
    return {
      history: this.history,
      stride: this.#stride,
      step: this.#step,
      seconds: (now - this.#began) / 1000,
      epochSeconds: (now - this.#epochBegan) / 1000,
      reading: Array.from(this.#reading, ([{ step }, { loss }]) => ({ step, loss })),
    } satisfies State;
  }

  /** Goes on from a checkpoint; the time in between does not count. */
  override restore(state: unknown): void {
    const { history, stride, step, seconds, epochSeconds, reading } = state as State;
    const now = performance.now();
    this.history = history;
    this.#stride = stride;
    this.#step = step;
    this.#began = now - 1000 * seconds;
    this.#epochBegan = now - 1000 * epochSeconds;
    for (const { step, loss } of reading) {
      const record = history.batches.find((record) => record.step === step);
      if (record) this.#read(loss, record);
      loss.dispose();
    }
  }

  /**
   * Draws the run: loss, metrics and learning rate over epochs.
   *
   * @throws {Error} If `@trainchart/trainchart/plots` was not imported.
   */
  plot(): Plot {
    return plotters().history(this.history);
  }

  #read(loss: tf.Tensor, record: BatchRecord): void {
    const copy = loss.clone();
    const done = copy.data().then(([value]) => {
      record.loss = value;
    }).finally(() => {
      copy.dispose();
      this.#reading.delete(record);
    });
    this.#reading.set(record, { loss: copy, done });
  }

  #thinOut(): void {
    this.#stride *= 2;
    this.history.batches = this.history.batches.filter(({ step }) => step % this.#stride === 0);
  }
}
