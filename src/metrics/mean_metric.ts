import type { FieldCheck } from "../checks/fields.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";
import { describeValue } from "../checks/describe_value.ts";
import {
  spreadWeights,
  type TrackedWeights,
  trackWeights,
  weightOfLoss,
} from "../losses/weights.ts";
import type { Metric, MetricInputs } from "./metric.ts";
import { RunningMean, runningMean, type RunningMeanState } from "./running_mean.ts";

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
