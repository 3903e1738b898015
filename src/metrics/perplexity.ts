import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/loader.ts";
import { crossEntropy } from "../losses/class_losses.ts";
import { weightOfLoss } from "../losses/loss_inputs.ts";
import { areProbabilities, type ClassMetricOptions } from "./classes.ts";
import { checkMetricOptions } from "./check_metric_options.ts";
import type { MetricInputs, StatefulMetric } from "./metric.ts";
import { RunningMean, runningMean, type RunningMeanState } from "./running_mean.ts";

/**
 * The perplexity: e to the mean cross-entropy of all labels. A model that guesses among `n` equally
 * likely words has a perplexity of `n`; 1 is perfect.
 *
 * It is computed over a whole pass: the mean over batches would be another number. Labels equal to
 * `ignoreIndex`, -1 by default, do not count, such as those of padding.
 *
 * keras-nlp: `Perplexity`. torchmetrics: `Perplexity`.
 *
 * @param options Form of the predictions, labels to leave out.
 * @returns A metric of predictions `[batch, …, classes]` with labels `[batch, …]` of class numbers.
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { perplexity } from "@trainchart/trainchart/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const metric = perplexity();
 * metric.update(tf.zeros([2, 3, 50]), tf.ones([2, 3], "int32"));
 * assertAlmostEquals(await metric.compute(), 50, 1e-3);
 * metric.reset();
 * ```
 *
 * @category Metrics
 */
export function perplexity(options: ClassMetricOptions = {}): StatefulMetric {
  checkMetricOptions("perplexity", options, { probabilities: "flag", ignoreIndex: true });
  return new Perplexity(options);
}

class Perplexity implements StatefulMetric {
  readonly addsPeers = true;
  readonly checkState = runningMean;
  readonly #options: ClassMetricOptions;
  readonly #mean = new RunningMean();

  constructor(options: ClassMetricOptions) {
    this.#options = options;
  }

  reset(): void {
    this.#mean.reset();
  }

  update(predictions: tf.Tensor, labels: tf.Tensor, inputs?: MetricInputs): void {
    const { ignoreIndex } = this.#options;
    const loss = crossEntropy(predictions, labels, {
      probabilities: areProbabilities(predictions, this.#options),
      ...ignoreIndex !== undefined && { ignoreIndex },
      ...inputs?.weights && { weights: inputs.weights },
    });
    const weight = weightOfLoss(loss)!;
    this.#mean.add(loss, typeof weight === "function" ? tf.tidy(weight) : weight);
  }

  async compute(peers?: Peers): Promise<number> {
    return Math.exp(await this.#mean.read(peers));
  }

  state(): RunningMeanState {
    return this.#mean.state();
  }

  restore(state: RunningMeanState): void {
    this.#mean.restore(state);
  }
}
