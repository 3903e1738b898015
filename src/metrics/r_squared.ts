import * as field from "../checks/fields.ts";
import { hostTensor } from "../io/host_tensor.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";
import { assertSameShape } from "../losses/same_shape.ts";
import { gather } from "./gather.ts";
import type { StatefulMetric } from "./metric.ts";

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

class RSquared implements StatefulMetric {
  readonly addsPeers = true;
  readonly checkState: field.FieldCheck = field.record({
    examples: field.number({ min: 0 }),
    pivot: field.optional(hostTensor),
    sums: field.optional(hostTensor),
  });
  #examples = 0;
  /** About the mean of the labels, `[outputs]`: sums of squares around it keep their digits. */
  #pivot: tf.Tensor | undefined;
  /** Sums of squared errors, of labels and of their squares around the pivot: `[3, outputs]`. */
  #sums: tf.Tensor2D | undefined;

  reset(): void {
    tf.dispose([this.#pivot, this.#sums].filter((tensor) => tensor !== undefined));
    this.#pivot = this.#sums = undefined;
    this.#examples = 0;
  }

  update(predictions: tf.Tensor, labels: tf.Tensor): void {
    assertSameShape("rSquared", predictions, labels);
    const before = this.#sums;
    const examples = predictions.shape[0] ?? 1;
    this.#sums = tf.keep(tf.tidy(() => {
      const actual = labels.toFloat().reshape([examples, -1]);
      this.#pivot ??= tf.keep(actual.mean(0));
      const around = actual.sub(this.#pivot);
      const errors = predictions.reshape([examples, -1]).sub(actual);
      const sums = tf.stack<tf.Tensor>([
        errors.square().sum(0),
        around.sum(0),
        around.square().sum(0),
      ]) as tf.Tensor2D;
      return before ? sums.add<tf.Tensor2D>(before) : sums;
    }));
    before?.dispose();
    this.#examples += examples;
  }

  state(): unknown {
    return { examples: this.#examples, pivot: this.#pivot, sums: this.#sums };
  }

  restore(
    { examples, pivot, sums }: { examples: number; pivot?: tf.Tensor; sums?: tf.Tensor2D },
  ): void {
    this.reset();
    this.#examples = examples;
    this.#pivot = pivot;
    this.#sums = sums;
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
    const [errors, sums, squares] = await this.#sums.array();
    return errors.map((error, output) => [
      this.#examples,
      pivots[output],
      error,
      sums[output],
      squares[output],
    ]);
  }
}

/** Number of examples, their pivot, and the sums of squared errors and around the pivot. */
type Part = [examples: number, pivot: number, error: number, sum: number, squares: number];

const WIDTH = 5;

/** The share of the variance that is explained, from parts with pivots of their own. */
function explained(parts: Part[]): number {
  let examples = 0, total = 0, error = 0, variance = 0;
  for (const [n, pivot, squaredError, sum] of parts) {
    examples += n;
    total += n * pivot + sum;
    error += squaredError;
  }
  for (const [n, pivot, , sum, squares] of parts) {
    const shift = total / examples - pivot;
    variance += squares - 2 * shift * sum + n * shift ** 2;
  }
  if (Number.isNaN(error + variance)) return NaN;
  if (variance > 0) return 1 - error / variance;
  return error === 0 ? 1 : 0;
}
