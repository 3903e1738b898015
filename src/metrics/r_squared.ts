import { tf } from "../deps/tfjs.ts";
import { assertSameShape } from "../losses/same_shape.ts";
import type { StatefulMetric } from "./stateful_metric.ts";

/**
 * The coefficient of determination, R²: the share of the variance of the labels that is explained.
 *
 * 1 is perfect, 0 is as good as always the mean, and it has no lower bound. With several outputs it
 * is the mean over them. An output whose labels are all equal counts 1 if it is met, else 0.
 *
 * @returns A metric of predictions `[batch, …] float32` with labels of the same shape.
 *
 * @example
 * ```ts
 * import { rSquared, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const metric = rSquared();
 * metric.update(tf.tensor1d([1, 2, 3]), tf.tensor1d([1, 2, 3]));
 * assertEquals(await metric.compute(), 1);
 * metric.reset();
 * ```
 */
export function rSquared(): StatefulMetric {
  return new RSquared();
}

class RSquared implements StatefulMetric {
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

  async compute(): Promise<number> {
    if (!this.#sums) return NaN;
    const [errors, sums, squares] = await this.#sums.array();
    const outputs = errors.map((error, output) => {
      const variance = squares[output] - sums[output] ** 2 / this.#examples;
      if (variance > 0) return 1 - error / variance;
      return error === 0 ? 1 : 0;
    });
    return outputs.reduce((a, b) => a + b) / outputs.length;
  }
}
