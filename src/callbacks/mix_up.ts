import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { type MixedData, MixExamples } from "./support/mix_examples.ts";

/**
 * Options of {@linkcode MixUp}.
 *
 * @category Callbacks
 */
export interface MixUpOptions {
  /**
   * Shares are drawn from Beta(alpha, alpha); finite and > 0, small for little mixing. Default: 0.4.
   */
  alpha?: number;
}

/**
 * Trains on blends: each example is mixed with another one of its batch, and the loss is mixed
 * likewise, so labels may be of any kind. Data of validation and test are not mixed.
 *
 * Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018,
 * https://arxiv.org/abs/1710.09412. As there, all examples of a batch have the same share. Metrics of
 * training compare with the examples' own labels.
 *
 * @example
 * ```ts
 * import { crossEntropy, Learner, sgd, tf } from "@trainchart/trainchart";
 * import { MixUp } from "@trainchart/trainchart/callbacks";
 * import { assert } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: crossEntropy,
 *   dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor1d([0, 1], "int32")]] },
 *   callbacks: [new MixUp({ alpha: 0.4 }), {
 *     beforeBatch: ({ data }) => assert(data.dataSync().every((x: number) => x >= 0 && x <= 1)),
 *   }],
 * });
 * await learner.train();
 * ```
 *
 * @category Callbacks
 */
export class MixUp extends MixExamples {
  /**
   * Checks the options.
   *
   * @param options The distribution of shares.
   * @throws {RangeError} If `alpha` is out of range.
   */
  constructor(options: MixUpOptions = {}) {
    checkOptions("mix batches with MixUp", options, { alpha: true });
    super("mixUp", options.alpha ?? 0.4);
  }

  /** Blends the data. */
  protected override mix(data: tf.Tensor, partners: tf.Tensor, share: number): MixedData {
    const blended = tf.tidy(() => tf.add(tf.mul(data, share), tf.mul(partners, 1 - share)));
    return { data: blended, share };
  }
}
