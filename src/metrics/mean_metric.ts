import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/peers.ts";
import type { Metric } from "./metric.ts";
import { RunningMean, type RunningMeanState } from "./running_mean.ts";

/** The mean of a metric over all examples. */
export class MeanMetric {
  readonly #metric: Metric;
  readonly #mean = new RunningMean();
  readonly addsPeers = true;

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

  /** The mean so far, with that of others; NaN before the first batch. */
  compute(peers?: Peers): Promise<number> {
    return this.#mean.read(peers);
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
