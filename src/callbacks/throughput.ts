import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { countOperations } from "../model/count_operations.ts";
import { formatNumber, textTable } from "../text/text.ts";

/**
 * Options of {@linkcode Throughput}.
 *
 * @category Callbacks
 */
export interface ThroughputOptions {
  /** Number of tokens in the current batch. Default: tokens are not counted. */
  tokens?: (learner: AnyLearner) => number;
  /**
   * Floating-point operations of a training step for one example. Default: three times those of
   * going forward, if they are known from the layers of the model.
   */
  operations?: number;
  /**
   * Whether the numbers of an epoch are put into `learner.metrics`, as `"train.examplesPerSecond"`,
   * `"train.tokensPerSecond"` and `"train.flopPerSecond"`. Default: false.
   */
  publish?: boolean;
}

/**
 * The throughput of an epoch.
 *
 * @category Callbacks
 */
export interface EpochThroughput {
  /** Index of the epoch, 0-based. */
  readonly epoch: number;
  /** Duration of its training, with the waits for its loader and without validations. */
  readonly seconds: number;
  /** Examples per second. */
  readonly examples: number;
  /** Tokens per second; `undefined` if they are not counted. */
  readonly tokens: number | undefined;
  /** Floating-point operations per second; `undefined` if they are not known. */
  readonly flop: number | undefined;
}

/** Going back costs twice as much as going forward: a product for each of two gradients. */
const STEP = 3;

/**
 * Measures how much a training gets done: examples, tokens and floating-point operations per second,
 * epoch by epoch.
 *
 * Operations are counted as in `learner.summary()`; a training step takes three times those of going
 * forward (Kaplan et al., "Scaling Laws for Neural Language Models", 2020,
 * https://arxiv.org/abs/2001.08361).
 *
 * Lightning: `ThroughputMonitor`. For the time of each callback, see `Timer`.
 *
 * @example
 * ```ts
 * import { Throughput } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const throughput = new Throughput({ tokens: ({ labels }) => labels.size });
 * // await new Learner({ callbacks: [throughput], … }).train(); console.log(String(throughput));
 * assertEquals(throughput.epochs, []);
 * ```
 *
 * @category Callbacks
 */
export class Throughput extends Callback {
  /** After everything that measures. */
  override priority: number = PRIORITIES.metrics + 5;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** The throughput of each epoch of the last training. */
  epochs: EpochThroughput[] = [];
  readonly #options: ThroughputOptions;
  #examples = 0;
  #tokens = 0;
  #seconds = 0;
  /** When the clock was started last; `undefined` while it stands. */
  #began: number | undefined;

  /**
   * Checks the options.
   *
   * @param options What to count besides examples.
   * @throws {TypeError} If an option is unknown, or `tokens` is no function.
   * @throws {RangeError} If `operations` is not > 0.
   */
  constructor(options: ThroughputOptions = {}) {
    super();
    checkOptions("measure throughput", options, {
      tokens: true,
      operations: true,
      publish: "flag",
    });
    const { tokens, operations = 1 } = options;
    checkNumber("measure throughput", "operations", operations, { above: 0 });
    if (tokens !== undefined && typeof tokens !== "function") {
      throw new TypeError(
        `Cannot measure throughput as tokens must be a function: current value is ${
          describeValue(tokens)
        }`,
      );
    }
    this.#options = options;
  }

  /** The names of the metrics that it publishes. */
  override get metricNames(): string[] {
    const { publish, tokens } = this.#options;
    if (!publish) return [];
    return ["examples", ...tokens ? ["tokens"] : [], "flop"]
      .map((name) => `train.${name}PerSecond`);
  }

  /** Forgets the last run. */
  override beforeTrain(): void {
    this.epochs = [];
  }

  /** Starts the clock. */
  override beforeEpoch(): void {
    this.#examples = this.#tokens = this.#seconds = 0;
    this.#began = performance.now();
  }

  /** Counts a batch. */
  override afterBatch(learner: AnyLearner): void {
    this.#examples += learner.batchSize;
    this.#tokens += this.#options.tokens?.(learner) ?? 0;
  }

  /** Stops the clock for a validation within an epoch. */
  override beforeValidate(): void {
    this.#stop();
  }

  /** Starts the clock again, if the epoch continues. */
  override afterValidate(): void {
    if (this.#seconds > 0) this.#began = performance.now();
  }

  /** Computes the throughput of the epoch. */
  override afterEpoch(learner: AnyLearner): void {
    this.#stop();
    const [seconds, examples] = [this.#seconds, this.#examples];
    this.#seconds = 0;
    const { tokens, publish } = this.#options;
    const operations = this.#operationsOf(learner);
    const throughput = {
      epoch: learner.epoch,
      seconds,
      examples: examples / seconds,
      tokens: tokens && this.#tokens / seconds,
      flop: operations && operations * examples / seconds,
    };
    this.epochs.push(throughput);
    if (!publish) return;
    learner.metrics["train.examplesPerSecond"] = throughput.examples;
    if (throughput.tokens) learner.metrics["train.tokensPerSecond"] = throughput.tokens;
    if (throughput.flop) learner.metrics["train.flopPerSecond"] = throughput.flop;
  }

  /** The throughput so far, for a checkpoint. */
  override state(): unknown {
    this.#stop();
    if (this.#seconds > 0) this.#began = performance.now();
    return {
      epochs: this.epochs,
      examples: this.#examples,
      tokens: this.#tokens,
      seconds: this.#seconds,
    };
  }

  /** Continues from a checkpoint; the time in between does not count. */
  override restore(state: unknown): void {
    const { epochs, examples, tokens, seconds } = state as {
      epochs: EpochThroughput[];
      examples: number;
      tokens: number;
      seconds: number;
    };
    this.epochs = epochs;
    this.#examples = examples;
    this.#tokens = tokens;
    this.#seconds = seconds;
    this.#began = seconds > 0 ? performance.now() : undefined;
  }

  /** The throughput of all epochs as a table. */
  override toString(): string {
    const rows = this.epochs.map(({ epoch, seconds, examples, tokens, flop }) => [
      String(epoch + 1),
      seconds.toFixed(3),
      formatNumber(examples),
      tokens === undefined ? "-" : formatNumber(tokens),
      flop === undefined ? "-" : formatNumber(flop),
    ]);
    return textTable([["epoch", "seconds", "examples/s", "tokens/s", "FLOP/s"], ...rows], 0);
  }

  #stop(): void {
    if (this.#began !== undefined) this.#seconds += (performance.now() - this.#began) / 1000;
    this.#began = undefined;
  }

  #operationsOf({ model }: AnyLearner): number | undefined {
    const { operations } = this.#options;
    if (operations !== undefined) return operations;
    if (!(model instanceof tf.LayersModel)) return;
    const forward = model.layers.reduce((sum, layer) => sum + (countOperations(layer) ?? 0), 0);
    return forward > 0 ? STEP * forward : undefined;
  }
}
