import * as field from "../checks/fields.ts";
import { type HostTensor, hostTensor } from "../io/host_tensor.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";
import { checkMetricOptions } from "./check_metric_options.ts";
import { actualClasses, isBinary } from "./classes.ts";
import { gather } from "./gather.ts";
import type { StatefulMetric } from "./metric.ts";

/** Number of batches that are joined at once, so that a long pass does not hold a tensor for each. */
const FOLD = 64;

/**
 * Options of {@linkcode rocAuc}.
 *
 * @category Metrics
 */
export interface RocAucOptions {
  /** Whether predictions are probabilities, and not logits. Default: false. */
  probabilities?: boolean;
}

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
  checkMetricOptions("ROC AUC", options, { probabilities: true });
  return new RocAuc(options.probabilities ?? false);
}

class RocAuc implements StatefulMetric {
  readonly addsPeers = true;
  readonly checkState: field.FieldCheck = field.all(
    field.record({ scores: field.list(hostTensor), labels: field.list(hostTensor) }),
    field.that("must have labels for all scores", (value) => {
      const { scores, labels } = value as { scores: HostTensor[]; labels: HostTensor[] };
      return scores.length === labels.length &&
        scores.every(({ shape }, index) => shape[0] === labels[index].shape[0]);
    }),
  );
  readonly #probabilities: boolean;
  #scores: tf.Tensor2D[] = [];
  #labels: tf.Tensor1D[] = [];

  constructor(probabilities: boolean) {
    this.#probabilities = probabilities;
  }

  reset(): void {
    tf.dispose([this.#scores, this.#labels]);
    this.#scores = [];
    this.#labels = [];
  }

  update(predictions: tf.Tensor, labels: tf.Tensor): void {
    if (this.#scores.length === FOLD) this.#fold();
    const [scores, actual] = tf.tidy(() => [
      this.#score(predictions),
      actualClasses("ROC AUC", predictions, labels),
    ]);
    this.#scores.push(tf.keep(scores as tf.Tensor2D));
    this.#labels.push(tf.keep(actual as tf.Tensor1D));
  }

  state(): unknown {
    return { scores: [...this.#scores], labels: [...this.#labels] };
  }

  restore({ scores, labels }: { scores: tf.Tensor2D[]; labels: tf.Tensor1D[] }): void {
    this.reset();
    this.#scores = scores;
    this.#labels = labels;
  }

  async compute(peers?: Peers): Promise<number> {
    if (this.#scores.length > 0) this.#fold();
    const labels = gather(await this.#labels[0]?.data() ?? [], peers);
    const scores = gather(await this.#scores[0]?.data() ?? [], peers);
    if (labels.length === 0) return NaN;
    if (scores.some(Number.isNaN)) return NaN;
    const columns = scores.length / labels.length;
    const areas = Array.from({ length: columns }, (_, column) => {
      const positive = columns === 1 ? 1 : column;
      return area(
        Array.from(labels, (_, row) => scores[row * columns + column]),
        Array.from(labels, (label) => label === positive),
      );
    }).filter((area) => !Number.isNaN(area));
    return areas.reduce((sum, area) => sum + area, 0) / areas.length;
  }

  /** One column for yes or no, else one for each class. */
  #score(predictions: tf.Tensor): tf.Tensor2D {
    if (isBinary(predictions)) return predictions.reshape([-1, 1]) as tf.Tensor2D;
    const classes = predictions.shape.at(-1)!;
    const rows = predictions.reshape([-1, classes]) as tf.Tensor2D;
    if (classes === 2) return rows.slice([0, 1], [-1, 1]).sub(rows.slice([0, 0], [-1, 1]));
    return this.#probabilities ? rows : rows.softmax();
  }

  #fold(): void {
    if (this.#scores.length === 1) return;
    const scores = tf.keep(tf.concat(this.#scores, 0));
    const labels = tf.keep(tf.concat(this.#labels, 0));
    this.reset();
    this.#scores = [scores];
    this.#labels = [labels];
  }
}

/** The area by ranks (Mann and Whitney), ties counting half; NaN if all or none are positive. */
function area(scores: number[], positive: boolean[]): number {
  const order = scores.map((_, index) => index).sort((a, b) => scores[a] - scores[b]);
  let ranks = 0;
  let positives = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let hits = 0;
    for (; end < order.length && scores[order[end]] === scores[order[start]]; end++) {
      if (positive[order[end]]) hits++;
    }
    ranks += hits * (start + 1 + end) / 2;
    positives += hits;
    start = end;
  }
  const negatives = scores.length - positives;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}
