import type { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback } from "./callback.ts";

/** What was recorded of one batch of training. */
export interface BatchRecord {
  /** Counts all batches of training since the run began, 0-based. */
  step: number;
  /** 0-based. */
  epoch: number;
  /** Of this batch alone. */
  loss: number;
  /** Per step, as it was used. */
  learningRate: number;
  /** Since the run began. */
  seconds: number;
}

/** What was recorded of one epoch. */
export interface EpochRecord {
  /** 0-based. */
  epoch: number;
  /** Everything that was measured in it, by name: `"train.loss"`, `"validation.accuracy"`. */
  metrics: Record<string, number>;
  /** Per step, at its end. */
  learningRate: number;
  /** How long it took, with its validation. */
  seconds: number;
}

/** A run, as plain JSON. */
export interface History {
  /** Batches, evenly thinned out; each is exact. */
  batches: BatchRecord[];
  /** All epochs. */
  epochs: EpochRecord[];
  /** What was measured at the end. */
  test: Record<string, number>;
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
 */
export class Recorder extends Callback {
  /** After the callbacks of users. */
  override priority: number = 100;
  /** What was recorded of the last run. */
  history: History = { batches: [], epochs: [], test: {} };
  readonly #samples: number;
  #stride = 1;
  #step = 0;
  #began = 0;
  #epochBegan = 0;
  #reading = new Set<Promise<void>>();

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
    await Promise.all(this.#reading);
    this.history.epochs.push({
      epoch: learner.epoch,
      metrics: of(learner, "train"),
      learningRate: learner.learningRate,
      seconds: (performance.now() - this.#epochBegan) / 1000,
    });
  }

  /** Adds what validation measured. */
  override afterValidate(learner: AnyLearner): void {
    const record = this.history.epochs.at(-1);
    if (!record || record.epoch !== learner.epoch) return;
    Object.assign(record.metrics, of(learner, "validation"));
    record.seconds = (performance.now() - this.#epochBegan) / 1000;
  }

  /** Records the test. */
  override afterTest(learner: AnyLearner): void {
    this.history.test = of(learner, "test");
  }

  #read(loss: tf.Tensor, record: BatchRecord): void {
    const copy = loss.clone();
    const reading = copy.data().then(([value]) => {
      record.loss = value;
    }).finally(() => {
      copy.dispose();
      this.#reading.delete(reading);
    });
    this.#reading.add(reading);
  }

  #thinOut(): void {
    this.#stride *= 2;
    this.history.batches = this.history.batches.filter(({ step }) => step % this.#stride === 0);
  }
}

function of({ metrics }: AnyLearner, phase: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => name.startsWith(`${phase}.`)),
  );
}
