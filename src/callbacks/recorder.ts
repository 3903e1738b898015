import { type BatchRecord, epochRecord, type History, type Plot, plotters } from "../pictures.ts";
import { hostTensor } from "../io/host_tensor.ts";
import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import type { RunKind } from "../chart/chart.ts";
import {
  type AnyLearner,
  Callback,
  metricsOfEpoch,
  metricsOfPhase,
  type StateCheck,
} from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Options of {@linkcode Recorder}.
 *
 * @category Callbacks
 */
export interface RecorderOptions {
  /** The largest number of batches that are kept, an integer >= 2. Default: 1000. */
  samples?: number;
}

interface State {
  history: History;
  stride: number;
  step: number;
  seconds: number;
  epochSeconds: number;
  reading: { step: number; loss: tf.Tensor }[];
}

/**
 * Records a training as plain JSON.
 *
 * Losses of batches are sampled: all of them at first, and every second, fourth, … one once there
 * are more than `samples`. They are read while training continues; nothing waits for the device
 * before the end of an epoch. A later `validate()` or `test()` leaves the record as it is.
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
  /** The record of the last training. */
  history: History = { batches: [], epochs: [], test: {} };
  readonly #samples: number;
  /** Whether the current run is a training, and not a validation or a test alone. */
  #training = false;
  #stride = 1;
  #step = 0;
  #began = 0;
  #epochBegan = 0;
  /** Losses that are being read off the device. */
  #reading = new Map<BatchRecord, { loss: tf.Tensor; done: Promise<void> }>();

  /**
   * Checks the options.
   *
   * @param options How much to record.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `samples` is not an integer >= 2.
   */
  constructor(options: RecorderOptions = {}) {
    super();
    checkOptions("record", options, { samples: true });
    const { samples = 1000 } = options;
    this.#samples = checkNumber("record", "samples", samples, { integer: true, min: 2 });
  }

  /** Notes the kind of run. */
  override setUp(_learner: AnyLearner, kind: RunKind): void {
    this.#training = kind === "train";
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
      metrics: metricsOfEpoch(learner),
      learningRate: learner.learningRate,
      seconds: (performance.now() - this.#epochBegan) / 1000,
    });
  }

  /** Adds the metrics of a validation to its epoch, or records a validation within an epoch. */
  override afterValidate(learner: AnyLearner): void {
    if (!this.#training) return;
    const metrics = metricsOfPhase(learner, "validation");
    const record = this.history.epochs.at(-1);
    if (record?.epoch !== learner.epoch) {
      const seconds = (performance.now() - this.#began) / 1000;
      const { epoch } = learner;
      (this.history.validations ??= []).push({ step: this.#step, epoch, metrics, seconds });
      return;
    }
    Object.assign(record.metrics, metrics);
    record.seconds = (performance.now() - this.#epochBegan) / 1000;
  }

  /** Records the test at the end of a training. */
  override afterTest(learner: AnyLearner): void {
    if (this.#training) this.history.test = metricsOfPhase(learner, "test");
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    history: field.record({
      batches: field.list(field.record({
        step: field.integer({ min: 0 }),
        epoch: field.integer({ min: 0 }),
        loss: field.measurement,
        learningRate: field.measurement,
        seconds: field.measurement,
      })),
      epochs: field.list(epochRecord),
      validations: field.optional(field.list(field.record({
        step: field.integer({ min: 0 }),
        epoch: field.integer({ min: 0 }),
        metrics: field.recordOf(field.measurement),
        seconds: field.measurement,
      }))),
      test: field.recordOf(field.measurement),
    }),
    stride: field.integer({ min: 1 }),
    step: field.integer({ min: 0 }),
    seconds: field.number(),
    epochSeconds: field.number(),
    reading: field.list(field.record({ step: field.integer({ min: 0 }), loss: hostTensor })),
  });

  /** The record, for a checkpoint; losses that are not read yet stay the callback's. */
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

  /** Continues from a checkpoint; the time in between does not count. */
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
   * Draws the training: loss, metrics and learning rate over epochs.
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
