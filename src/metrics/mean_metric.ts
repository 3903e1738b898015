import { tf } from "../deps/tfjs.ts";
import type { Metric } from "./metric.ts";
import { RunningMean, type RunningMeanState } from "./running_mean.ts";

/** The mean of a metric over all examples. */
export class MeanMetric {
  readonly #metric: Metric;
  readonly #mean = new RunningMean();

  /** Means of `metric`, each batch weighted by its size. */
  constructor(metric: Metric) {
    this.#metric = metric;
  }

  /** Forgets everything. */
  reset(): void {
    this.#mean.reset();
  }

  /** Measures a batch of `size` examples. */
  update(predictions: unknown, labels: unknown, size: number): void {
    this.#mean.add(tf.tidy(() => tf.mean(this.#metric(predictions, labels))), size);
  }

  /** The mean so far; NaN before the first batch. */
  compute(): Promise<number> {
    return this.#mean.read();
  }

  /** What was measured; the tensors stay with this. */
  state(): RunningMeanState {
    return this.#mean.state();
  }

  /** Goes on from a state, whose tensors this now owns. */
  restore(state: RunningMeanState): void {
    this.#mean.restore(state);
  }
}
