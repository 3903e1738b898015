import { tf } from "../deps/tfjs.ts";
import type { Metric } from "./metric.ts";
import { RunningMean } from "./running_mean.ts";

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
}
