import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { type MixedData, MixExamples } from "./support/mix_examples.ts";

/**
 * Options of {@linkcode CutMix}.
 *
 * @category Callbacks
 */
export interface CutMixOptions {
  /**
   * The area that is kept is drawn from Beta(alpha, alpha); finite and > 0. Default: 1, where all
   * areas are equally likely.
   */
  alpha?: number;
}

/**
 * Trains on collages: a box of each image is replaced by the same box of another image of its batch,
 * and the loss is mixed by area, so labels may be of any kind. Data of validation and test are not
 * mixed.
 *
 * Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
 * Features", 2019, https://arxiv.org/abs/1905.04899. As there, all images of a batch have the same
 * box. Metrics of training compare with the images' own labels.
 *
 * @example
 * ```ts
 * import { crossEntropy, Learner, sgd, tf } from "@trainchart/trainchart";
 * import { CutMix } from "@trainchart/trainchart/callbacks";
 * import { assert } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({
 *     layers: [tf.layers.flatten({ inputShape: [8, 8, 1] }), tf.layers.dense({ units: 2 })],
 *   }),
 *   optimizer: sgd(),
 *   lossFunction: crossEntropy,
 *   dataloaders: {
 *     train: [[tf.concat([tf.zeros([1, 8, 8, 1]), tf.ones([1, 8, 8, 1])]), tf.tensor1d([0, 1], "int32")]],
 *   },
 *   callbacks: [new CutMix(), {
 *     beforeBatch: ({ data }) => assert(data.dataSync().every((x: number) => x === 0 || x === 1)),
 *   }],
 * });
 * await learner.train();
 * ```
 *
 * @category Callbacks
 */
export class CutMix extends MixExamples {
  /**
   * Checks the options.
   *
   * @param options The distribution of areas.
   * @throws {RangeError} If `alpha` is out of range.
   */
  constructor(options: CutMixOptions = {}) {
    checkOptions("mix batches with CutMix", options, { alpha: true });
    super("cutMix", options.alpha ?? 1);
  }

  /**
   * Pastes a box.
   *
   * @throws {TypeError} If the data are not images, `[batch, height, width, channels]`.
   */
  protected override mix(
    data: tf.Tensor,
    partners: tf.Tensor,
    share: number,
    random: () => number,
  ): MixedData {
    const [, height, width] = data.shape;
    if (data.rank !== 4) {
      throw new TypeError(
        "Cannot mix batches with CutMix as data must be [batch, height, width, channels]: " +
          `current shape is [${data.shape}]`,
      );
    }
    const size = Math.sqrt(1 - share);
    const [top, bottom] = cut(height, size, random);
    const [begin, end] = cut(width, size, random);
    const mask = new Uint8Array(height * width);
    for (let y = top; y < bottom; y++) mask.fill(1, y * width + begin, y * width + end);
    const pasted = tf.tidy(() =>
      tf.where(tf.tensor(mask, [1, height, width, 1], "bool"), partners, data)
    );
    const area = (bottom - top) * (end - begin);
    return { data: pasted, share: 1 - area / (height * width) };
  }
}

/** A range around a random middle, clipped to [0, length). */
function cut(length: number, size: number, random: () => number): [from: number, to: number] {
  const middle = Math.floor(random() * length);
  const half = Math.floor(length * size) / 2;
  const from = Math.max(0, Math.floor(middle - half));
  const to = Math.min(length, Math.floor(middle + half));
  return [from, to];
}
