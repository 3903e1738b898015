import * as field from "../checks/fields.ts";
import { hostTensor } from "../io/host_tensor.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/loader.ts";
import { alignLabels, spreadWeights } from "../losses/loss_inputs.ts";
import { gather } from "./gather.ts";
import type { MetricInputs, StatefulMetric } from "./metric.ts";

/**
 * The coefficient of determination, R²: the share of the variance of the labels that is explained.
 *
 * 1 is perfect, 0 is as good as predicting the mean, and there is no lower bound. With several
 * outputs it is the mean over them. An output whose labels are all equal counts 1 if each of them is
 * predicted, else 0. NaN if a prediction or a label is NaN.
 *
 * @returns A metric of predictions `[batch, …] float32` with labels of the same shape.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { rSquared } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const metric = rSquared();
 * metric.update(tf.tensor1d([1, 2, 3]), tf.tensor1d([1, 2, 3]));
 * assertEquals(await metric.compute(), 1);
 * metric.reset();
 * ```
 *
 * @category Metrics
 */
export function rSquared(): StatefulMetric {
  return new RSquared();
}

interface State {
  pivot?: tf.Tensor;
  sums?: tf.Tensor2D;
  /** Number of examples, in checkpoints of version 0.1, whose sums lack the weights. */
  examples?: number;
}

class RSquared implements StatefulMetric {
  readonly addsPeers = true;
  readonly checkState: field.FieldCheck = field.record({
    examples: field.optional(field.number({ min: 0 })),
    pivot: field.optional(hostTensor),
    sums: field.optional(hostTensor),
  });
  /** About the mean of the labels, `[outputs]`: sums of squares around it keep their digits. */
  #pivot: tf.Tensor | undefined;
  /** Sums of weights, squared errors, labels and their squares around the pivot: `[4, outputs]`. */
  #sums: tf.Tensor2D | undefined;

  reset(): void {
    tf.dispose([this.#pivot, this.#sums].filter((tensor) => tensor !== undefined));
    this.#pivot = this.#sums = undefined;
  }

  update(predictions: tf.Tensor, labels: tf.Tensor, inputs?: MetricInputs): void {
    const before = this.#sums;
    const examples = predictions.shape[0] ?? 1;
    const weights = inputs?.weights;
    this.#sums = tf.keep(tf.tidy(() => {
      const aligned = alignLabels("rSquared", predictions, labels);
      const actual = aligned.toFloat().reshape([examples, -1]);
      this.#pivot ??= tf.keep(actual.mean(0));
      const around = actual.sub(this.#pivot);
      const errors = predictions.reshape([examples, -1]).sub(actual);
      const weight = weights
        ? spreadWeights("rSquared", weights, [examples]).expandDims(1)
        : tf.ones([examples, 1]);
      const sum = (values: tf.Tensor) => weights ? values.mul(weight).sum(0) : values.sum(0);
      const sums = tf.stack<tf.Tensor>([
        weight.sum().mul(tf.onesLike(this.#pivot)),
        sum(errors.square()),
        sum(around),
        sum(around.square()),
      ]) as tf.Tensor2D;
      return before ? sums.add<tf.Tensor2D>(before) : sums;
    }));
    before?.dispose();
  }

  state(): unknown {
    return { pivot: this.#pivot, sums: this.#sums } satisfies State;
  }

  restore({ pivot, sums, examples }: State): void {
    this.reset();
    this.#pivot = pivot;
    this.#sums = sums;
    if (!sums || examples === undefined) return;
    this.#sums = tf.tidy(() => tf.concat([tf.fill([1, sums.shape[1]], examples), sums], 0));
    sums.dispose();
  }

  async compute(peers?: Peers): Promise<number> {
    const own = await this.#parts();
    const outputs = Math.max(...gather([own.length], peers));
    if (outputs === 0) return NaN;
    const all = gather(own.flat(), peers);
    let sum = 0;
    for (let output = 0; output < outputs; output++) {
      const parts: Part[] = [];
      for (let at = output * WIDTH; at < all.length; at += outputs * WIDTH) {
        parts.push([...all.subarray(at, at + WIDTH)] as Part);
      }
      sum += explained(parts);
    }
    return sum / outputs;
  }

  /** The sums of this rank, for each output. */
  async #parts(): Promise<Part[]> {
    if (!this.#sums) return [];
    const pivots = await this.#pivot!.data();
    const [weights, errors, sums, squares] = await this.#sums.array();
    return errors.map((error, output) => [
      weights[output],
      pivots[output],
      error,
      sums[output],
      squares[output],
    ]);
  }
}

/** Weight of the examples, their pivot, and the sums of squared errors and around the pivot. */
type Part = [weight: number, pivot: number, error: number, sum: number, squares: number];

const WIDTH = 5;

/** The share of the variance that is explained, from parts with pivots of their own. */
function explained(parts: Part[]): number {
  let weights = 0, total = 0, error = 0, variance = 0;
  for (const [weight, pivot, squaredError, sum] of parts) {
    weights += weight;
    total += weight * pivot + sum;
    error += squaredError;
  }
  for (const [weight, pivot, , sum, squares] of parts) {
    const shift = total / weights - pivot;
    variance += squares - 2 * shift * sum + weight * shift ** 2;
  }
  if (Number.isNaN(error + variance)) return NaN;
  if (variance > 0) return 1 - error / variance;
  return error === 0 ? 1 : 0;
}
