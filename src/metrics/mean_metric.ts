import type { FieldCheck } from "../checks/fields.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";
import { describeValue } from "../checks/describe_value.ts";
import type { Metric } from "./metric.ts";
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
   * @param metric Measures a batch; batches are weighted by their size.
   */
  constructor(name: string, metric: Metric) {
    this.#name = name;
    this.#metric = metric;
  }

  /** Forgets all values. */
  reset(): void {
    this.#mean.reset();
  }

  /** Measures a batch of `size` examples. */
  update(predictions: unknown, labels: unknown, size: number): void {
    this.#mean.add(tf.tidy(() => tf.mean(this.#measure(predictions, labels))), size);
  }

  #measure(predictions: unknown, labels: unknown): tf.Tensor | number {
    const measured: unknown = this.#metric(predictions, labels);
    if (measured instanceof tf.Tensor || typeof measured === "number") return measured;
    throw new TypeError(
      `Cannot measure ${this.#name} as the metric must return a tensor (or must it be called ` +
        `first, like f1()?): current value is ${describeValue(measured)}`,
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
