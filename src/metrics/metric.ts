/**
 * Metrics, and the mean of one over the examples of a pass.
 *
 * @module
 */
import type { FieldCheck } from "../checks/fields.ts";
import type { Peers } from "../data/loader.ts";
import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/check_options.ts";
import {
  spreadWeights,
  type TrackedWeights,
  trackWeights,
  weightOfLoss,
} from "../losses/loss_inputs.ts";
import { RunningMean, runningMean, type RunningMeanState } from "./running_mean.ts";

/**
 * The arguments of a metric besides predictions and labels.
 *
 * @category Metrics
 */
export interface MetricInputs {
  /** Weights of the examples, `[batch]`, if the batch has them: `[data, labels, weights]`. */
  readonly weights?: tf.Tensor;
  /** Number of examples. */
  readonly size: number;
}

/**
 * Measures a batch by TensorFlow.js operations: nothing is read back.
 *
 * @param predictions The predictions of the batch, as the model returned them.
 * @param labels The labels of the batch.
 * @param options With the `weights` of the examples, if the batch has them. They need not be read by
 *   a metric that returns one number for each example.
 * @returns One number for each example `[batch]`, or a scalar `[]` that is their mean.
 * @category Metrics
 */
// deno-lint-ignore no-explicit-any -- a metric is written for the predictions of its own model
export type Metric = (predictions: any, labels: any, options?: any) => tf.Tensor;

/**
 * A metric that is not the mean of the values of its batches: it gathers data on the device, and
 * computes its value once, at the end of a pass.
 *
 * One object serves one `Metrics` callback; it holds tensors between
 * {@linkcode StatefulMetric.update} and {@linkcode StatefulMetric.reset} only.
 *
 * @example
 * ```ts
 * import { Metrics, type StatefulMetric, tf } from "@trainchart/trainchart";
 *
 * let largest: tf.Scalar | undefined;
 * const largestError: StatefulMetric = {
 *   reset() {
 *     largest?.dispose();
 *     largest = undefined;
 *   },
 *   update(predictions, labels) {
 *     const before = largest;
 *     largest = tf.keep(tf.tidy(() => {
 *       const error = tf.max(tf.abs(tf.sub(predictions, labels)));
 *       return before ? tf.maximum(error, before) as tf.Scalar : error as tf.Scalar;
 *     }));
 *     before?.dispose();
 *   },
 *   async compute() {
 *     return largest ? (await largest.data())[0] : NaN;
 *   },
 * };
 * const metrics = new Metrics({ largestError });
 * ```
 *
 * @category Metrics
 */
export interface StatefulMetric {
  /** Forgets all batches, and disposes their tensors. */
  reset(): void;
  /**
   * Gathers a batch by TensorFlow.js operations: nothing is read back.
   *
   * @param predictions The predictions of the batch, as the model returned them; they stay the
   *   caller's.
   * @param labels The labels of the batch; they stay the caller's.
   * @param inputs The number of examples, and their weights if the batch has them: they must be
   *   read.
   */
  // deno-lint-ignore no-explicit-any -- a metric is written for the predictions of its own model
  update(predictions: any, labels: any, inputs?: MetricInputs): void;
  /**
   * The value of all batches since the last reset; NaN where it is not defined.
   *
   * @param peers Other ranks that have gathered their own part, if any.
   */
  compute(peers?: Peers): number | Promise<number>;
  /**
   * Whether `compute()` adds the parts of its peers. Default: false; then the value is the mean of
   * the values of all ranks, weighted by examples.
   */
  readonly addsPeers?: boolean;
  /**
   * The gathered data, for a checkpoint, with tensors that stay the metric's. Without it, no
   * checkpoint can be taken in the middle of a pass.
   */
  state?(): unknown;
  /** Checks a state from a file, before anything is restored. Default: every state is accepted. */
  readonly checkState?: FieldCheck;
  /** Continues from what `state` returned, whose tensors are now the metric's. */
  // deno-lint-ignore no-explicit-any -- each metric knows its own state
  restore?(state: any): void;
}

/** Whether a metric keeps state from batch to batch. */
export function isStateful(metric: Metric | StatefulMetric): metric is StatefulMetric {
  const { reset, update, compute } = metric as Partial<StatefulMetric>;
  return [reset, update, compute].every((method) => typeof method === "function");
}

/** The mean of a metric over all examples. */
export class MeanMetric {
  readonly #name: string;
  readonly #metric: Metric;
  readonly #mean = new RunningMean();
  readonly addsPeers = true;
  readonly checkState: FieldCheck = runningMean;

  /**
   * @param name The name of the metric, for messages.
   * @param metric Measures a batch; batches are weighted by their size, or as the metric says.
   */
  constructor(name: string, metric: Metric) {
    this.#name = name;
    this.#metric = metric;
  }

  /** Forgets all values. */
  reset(): void {
    this.#mean.reset();
  }

  /** Measures a batch. */
  update(predictions: unknown, labels: unknown, { size, weights }: MetricInputs): void {
    let weight: number | tf.Tensor = size;
    const mean = tf.tidy(() => {
      const tracked = weights && trackWeights(weights);
      const values = this.#measure(predictions, labels, tracked?.options);
      if (!(values instanceof tf.Tensor)) return tf.scalar(values);
      const said = weightOfLoss(values);
      const own = typeof said === "function" ? said() : said;
      if (values.rank === 0 && weights && !tracked!.isRead()) throw this.#unweighted();
      if (values.rank === 0) {
        weight = own instanceof tf.Tensor ? tf.keep(own) : own ?? size;
        return values;
      }
      const given = weights && !tracked!.isRead()
        ? spreadWeights(this.#name, weights, values.shape).reshape(values.shape)
        : undefined;
      const each = own instanceof tf.Tensor ? given?.mul(own) ?? own : given;
      if (!each) return values.mean();
      const total = each.sum();
      weight = tf.keep(total.clone());
      return values.mul(each).sum().div(total.maximum(1e-30));
    });
    this.#mean.add(mean, weight);
  }

  #measure(
    predictions: unknown,
    labels: unknown,
    options: TrackedWeights["options"] | undefined,
  ): tf.Tensor | number {
    const measured: unknown = options
      ? this.#metric(predictions, labels, options)
      : this.#metric(predictions, labels);
    if (measured instanceof tf.Tensor || typeof measured === "number") return measured;
    throw new TypeError(
      `Cannot measure ${this.#name} as the metric must return a tensor (or must it be called ` +
        `first, like f1()?): current value is ${describeValue(measured)}`,
    );
  }

  #unweighted(): TypeError {
    return new TypeError(
      `Cannot measure ${this.#name} as a metric of a batch with weights must return a number for ` +
        "each example, or read the weights: (predictions, labels, { weights }) => …",
    );
  }

  /** The mean so far, over all ranks; NaN before the first batch. */
  compute(peers?: Peers): Promise<number> {
    return this.#mean.read(peers);
  }

  /** The values so far, for a checkpoint; the tensors stay with this object. */
  state(): RunningMeanState {
    return this.#mean.state();
  }

  /** Continues from a state, whose tensors this object now owns. */
  restore(state: RunningMeanState): void {
    this.#mean.restore(state);
  }
}
