import * as field from "../checks/fields.ts";
import { type HostTensor, hostTensor } from "../io/host_tensor.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/loader.ts";
import { checkMetricOptions } from "./check_metric_options.ts";
import { spreadWeights } from "../losses/loss_inputs.ts";
import {
  actualClasses,
  areProbabilities,
  type ClassMetricOptions,
  countedExamples,
  isBinary,
} from "./classes.ts";
import { gather } from "./gather.ts";
import type { MetricInputs, StatefulMetric } from "./metric.ts";

/** Number of batches that are joined at once, so that a long pass does not hold a tensor for each. */
const FOLD = 42;

/**
 * Options of {@linkcode rocAuc}.
 *
 * @category Metrics
 */
export interface RocAucOptions extends ClassMetricOptions {}

/**
 * The area under the receiver operating characteristic: how likely a random positive example is
 * scored above a random negative one. 0.5 is guessing, 1 is perfect.
 *
 * It is exact: scores stay on the device through the pass and are sorted at its end. With more than
 * two classes it is the mean of each class against the rest, over the classes that occur. NaN if
 * fewer than two classes occur, or a prediction is NaN.
 *
 * J. Hanley, B. McNeil, *The Meaning and Use of the Area under a Receiver Operating Characteristic
 * Curve*, Radiology 143, 1982, <https://doi.org/10.1148/radiology.143.1.7063747>.
 *
 * @param options The form of the predictions.
 * @returns A metric of predictions `[batch, classes]`, or of one logit `[batch]` or `[batch, 1]`,
 *   with labels `[batch]` of class numbers or one-hot `[batch, classes]`.
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { rocAuc } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const metric = rocAuc();
 * metric.update(tf.tensor1d([-1, 2, 1, 3]), tf.tensor1d([0, 0, 1, 1], "int32"));
 * assertEquals(await metric.compute(), 0.75);
 * metric.reset();
 * ```
 *
 * @category Metrics
 */
export function rocAuc(options: RocAucOptions = {}): StatefulMetric {
  checkMetricOptions("ROC AUC", options, { probabilities: "flag", ignoreIndex: true });
  return new RocAuc(options);
}

interface RocAucState {
  scores: tf.Tensor2D[];
  labels: tf.Tensor1D[];
  /** Missing in checkpoints of version 0.1. */
  weights?: tf.Tensor1D[];
}

class RocAuc implements StatefulMetric {
  readonly addsPeers = true;
  readonly checkState: field.FieldCheck = field.all(
    field.record({
      scores: field.list(hostTensor),
      labels: field.list(hostTensor),
      weights: field.optional(field.list(hostTensor)),
    }),
    field.that("must have labels and weights for all scores", (value) => {
      const { scores, labels, weights = labels } = value as Record<string, HostTensor[]>;
      return [labels, weights].every((others) =>
        scores.length === others.length &&
        scores.every(({ shape }, index) => shape[0] === others[index].shape[0])
      );
    }),
  );
  readonly #options: RocAucOptions;
  #scores: tf.Tensor2D[] = [];
  #labels: tf.Tensor1D[] = [];
  /** The weight of each example: 0 for those that are left out. */
  #weights: tf.Tensor1D[] = [];

  constructor(options: RocAucOptions) {
    this.#options = options;
  }

  reset(): void {
    tf.dispose([this.#scores, this.#labels, this.#weights]);
    this.#scores = [];
    this.#labels = [];
    this.#weights = [];
  }

  update(predictions: tf.Tensor, labels: tf.Tensor, inputs?: MetricInputs): void {
    if (this.#scores.length === FOLD) this.#fold();
    const [scores, numbers, weights] = tf.tidy(() => {
      const actual = actualClasses("ROC AUC", predictions, labels, this.#options);
      const counted = countedExamples(actual);
      const given = inputs?.weights &&
        spreadWeights("ROC AUC", inputs.weights, actual.numbers.shape);
      const weights = given ? given.mul(counted) : counted;
      return [this.#score(predictions), actual.numbers.clone(), weights];
    });
    this.#scores.push(tf.keep(scores as tf.Tensor2D));
    this.#labels.push(tf.keep(numbers as tf.Tensor1D));
    this.#weights.push(tf.keep(weights as tf.Tensor1D));
  }

  state(): unknown {
    return { scores: [...this.#scores], labels: [...this.#labels], weights: [...this.#weights] };
  }

  restore({ scores, labels, weights }: RocAucState): void {
    this.reset();
    this.#scores = scores;
    this.#labels = labels;
    this.#weights = weights ?? labels.map(({ size }) => tf.ones([size]));
  }

  async compute(peers?: Peers): Promise<number> {
    if (this.#scores.length > 0) this.#fold();
    const labels = gather(await this.#labels[0]?.data() ?? [], peers);
    const scores = gather(await this.#scores[0]?.data() ?? [], peers);
    const weights = gather(await this.#weights[0]?.data() ?? [], peers);
    if (labels.length === 0) return NaN;
    const counted = Array.from(labels.keys()).filter((row) => weights[row] > 0);
    const columns = scores.length / labels.length;
    const areas = Array.from({ length: columns }, (_, column) => {
      const positive = columns === 1 ? 1 : column;
      return area(counted.map((row) => ({
        score: scores[row * columns + column],
        positive: labels[row] === positive,
        weight: weights[row],
      })));
    }).filter((area) => area !== undefined);
    return areas.reduce((sum, area) => sum + area, 0) / areas.length;
  }

  /** One column for yes or no, else one for each class. */
  #score(predictions: tf.Tensor): tf.Tensor2D {
    if (isBinary(predictions)) return predictions.reshape([-1, 1]) as tf.Tensor2D;
    const classes = predictions.shape.at(-1)!;
    const rows = predictions.reshape([-1, classes]) as tf.Tensor2D;
    if (classes === 2) return rows.slice([0, 1], [-1, 1]).sub(rows.slice([0, 0], [-1, 1]));
    return areProbabilities(predictions, this.#options) ? rows : rows.softmax();
  }

  #fold(): void {
    if (this.#scores.length === 1) return;
    const scores = tf.keep(tf.concat(this.#scores, 0));
    const labels = tf.keep(tf.concat(this.#labels, 0));
    const weights = tf.keep(tf.concat(this.#weights, 0));
    this.reset();
    this.#scores = [scores];
    this.#labels = [labels];
    this.#weights = [weights];
  }
}

interface Scored {
  readonly score: number;
  readonly positive: boolean;
  readonly weight: number;
}

/**
 * The share of the pairs of a positive and a negative example in which the positive one has the
 * higher score (Mann and Whitney), ties counting half; `undefined` if there is no such pair.
 */
function area(examples: Scored[]): number | undefined {
  const order = examples.sort((a, b) => a.score - b.score);
  let pairs = 0;
  let positives = 0;
  let negatives = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let [hits, misses] = [0, 0];
    for (; end < order.length && order[end].score === order[start].score; end++) {
      if (order[end].positive) hits += order[end].weight;
      else misses += order[end].weight;
    }
    if (end === start) return NaN; // a score is NaN
    pairs += hits * (negatives + misses / 2);
    positives += hits;
    negatives += misses;
    start = end;
  }
  return positives * negatives > 0 ? pairs / (positives * negatives) : undefined;
}
