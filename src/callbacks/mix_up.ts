import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import {
  checkAlpha,
  drawBeta,
  type MixedLoss,
  mixLoss,
  partnersOf,
} from "./support/mix_examples.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { batchRandom } from "./support/batch_random.ts";

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
export class MixUp extends Callback {
  /** Before the callbacks that read the batch. */
  override priority: number = PRIORITIES.data;
  readonly #alpha: number;
  #mixed: MixedLoss | undefined;

  /**
   * Checks the options.
   *
   * @param options The distribution of shares.
   * @throws {RangeError} If `alpha` is out of range.
   */
  constructor(options: MixUpOptions = {}) {
    super();
    checkOptions(`mix batches with ${this.name}`, options, { alpha: true });
    this.#alpha = checkAlpha(this.name, options.alpha ?? 0.4);
  }

  /** Mixes the data. */
  override beforeBatch(learner: AnyLearner): void {
    const random = batchRandom(learner, "mixUp");
    const share = drawBeta(this.#alpha, random);
    const { data, labels } = partnersOf(this.name, learner, random);
    learner.data = tf.tidy(() => tf.add(tf.mul(learner.data, share), tf.mul(data, 1 - share)));
    data.dispose();
    this.#mixed = { labels, share };
  }

  /** Mixes the loss. */
  override afterLoss(learner: AnyLearner): void {
    if (this.#mixed) mixLoss(learner, this.#mixed);
  }

  /** Disposes the labels of the partners. */
  override afterBatch(): void {
    this.#mixed?.labels.dispose();
    this.#mixed = undefined;
  }
}
