import { checkNumber, describeValue } from "../../checks/check_options.ts";
import { tf } from "../../deps/tfjs.ts";
import { type AnyLearner, Callback, type CallbackLike } from "../../learner/callback.ts";
import type { BatchPlace } from "../../learner/callback_protocol.ts";
import { PRIORITIES } from "../../learner/callback_list.ts";
import { declareStepInputs } from "../../learner/compiled_steps.ts";
import { permutation, type Stream } from "../../random/random_numbers.ts";
import { batchRandom } from "./batch_random.ts";

/** A part of a mixed loss: the loss with these labels, times its share. */
interface LossPart {
  readonly labels: tf.Tensor;
  readonly share: number;
  /** The share as a scalar, which is an input of a compiled step. */
  readonly factor: tf.Scalar;
}

/** The loss of a batch whose examples are mixed, maybe more than once. */
interface Mixture {
  /** The callback that mixed first: it mixes the loss. */
  readonly owner: MixExamples;
  /** The examples' own labels first. */
  parts: LossPart[];
}

const MIXTURES = new WeakMap<AnyLearner, Mixture>();

function partOf(labels: tf.Tensor, before: number, part: number): LossPart {
  const share = before * part;
  return { labels, share, factor: tf.scalar(share) };
}

/**
 * A batch after it was mixed.
 *
 * @category Callbacks
 */
export interface MixedData {
  /** The new data, `[batch, ...]`. */
  readonly data: tf.Tensor;
  /** The part of each example that is its own, in [0, 1]. */
  readonly share: number;
}

/**
 * The common part of `MixUp` and `CutMix`: each example is mixed with another one of its batch, and so
 * is its loss. Several of them mix one after another.
 *
 * @category Callbacks
 */
export abstract class MixExamples extends Callback {
  /** Before the callbacks that read the batch, after the transforms of labels. */
  override priority: number = PRIORITIES.data + 1;
  readonly #stream: Stream;
  readonly #alpha: number;

  /**
   * Checks the parameter of the distribution.
   *
   * @param stream The stream of random numbers.
   * @param alpha Shares are drawn from Beta(alpha, alpha), > 0.
   * @throws {RangeError} If `alpha` is out of range.
   */
  constructor(stream: Stream, alpha: number) {
    super();
    this.#stream = stream;
    this.#alpha = checkNumber(`mix batches with ${this.name}`, "alpha", alpha, { above: 0 });
    declareStepInputs(this, (learner) => this.#stepInputs(learner as AnyLearner));
  }

  /**
   * Mixes data.
   *
   * @param data The data, `[batch, ...]`.
   * @param partners The same examples in another order.
   * @param share A draw from the distribution.
   * @param random Draws uniformly from [0, 1).
   */
  protected abstract mix(
    data: tf.Tensor,
    partners: tf.Tensor,
    share: number,
    random: () => number,
  ): MixedData;

  /** Mixes a batch of training. */
  override beforeBatch(learner: AnyLearner): void {
    const { data, labels } = learner;
    this.#checkTensor("data", data);
    this.#checkTensor("labels", labels);
    const random = batchRandom(learner, this, this.#stream);
    const { share, order, ...mixed } = this.#mixed(data, random);
    learner.data = mixed.data;
    const mixture = MIXTURES.get(learner);
    const parts = mixture?.parts ?? [{ labels, share: 1 }];
    const others = parts.map((part) =>
      partOf(tf.gather(part.labels, order), part.share, 1 - share)
    );
    const own = parts.map((part) => partOf(part.labels, part.share, share));
    mixture?.parts.forEach(({ factor }) => factor.dispose());
    MIXTURES.set(learner, { owner: mixture?.owner ?? this, parts: [...own, ...others] });
    order.dispose();
  }

  /** Mixes a batch of training that is read apart from the run; there it has no loss. */
  override changeBatch(
    { data }: { data: tf.Tensor },
    place: BatchPlace,
    learner: AnyLearner,
  ): { data: tf.Tensor } | void {
    if (place.pass !== "train") return;
    this.#checkTensor("data", data);
    const mixed = this.#mixed(data, batchRandom(learner, this, this.#stream, place));
    mixed.order.dispose();
    return { data: mixed.data };
  }

  /** Mixes the loss. */
  override afterLoss(learner: AnyLearner): void {
    const mixture = MIXTURES.get(learner);
    if (mixture?.owner !== this) return;
    const { lossFunction, predictions, loss } = learner;
    const [own, ...others] = mixture.parts;
    learner.loss = others.reduce(
      (sum, { labels, factor }) => tf.add(sum, tf.mul(lossFunction(predictions, labels), factor)),
      tf.mul(loss, own.factor),
    );
  }

  /** Disposes the labels of the partners, and the shares. */
  override afterBatch(learner: AnyLearner): void {
    const { parts = [] } = MIXTURES.get(learner) ?? {};
    for (const { factor } of parts) factor.dispose();
    for (const { labels } of parts.slice(1)) labels.dispose();
    MIXTURES.delete(learner);
  }

  /** The tensors of the mixed loss; `undefined` if a subclass has changed or added a hook. */
  #stepInputs(learner: AnyLearner): tf.Tensor[] | undefined {
    const { afterLoss } = MixExamples.prototype;
    if (this.afterLoss !== afterLoss || (this as CallbackLike).afterPredict) return;
    const mixture = MIXTURES.get(learner);
    if (mixture?.owner !== this) return [];
    const [own, ...others] = mixture.parts;
    return [own.factor, ...others.flatMap(({ labels, factor }) => [labels, factor])];
  }

  #mixed(data: tf.Tensor, random: () => number): MixedData & { order: tf.Tensor1D } {
    const drawn = drawBeta(this.#alpha, random);
    const order = tf.tensor1d(permutation(data.shape[0], random), "int32");
    const partners = tf.gather(data, order);
    try {
      return { ...this.mix(data, partners, drawn, random), order };
    } catch (error) {
      order.dispose();
      throw error;
    } finally {
      partners.dispose();
    }
  }

  #checkTensor(part: string, value: unknown): void {
    if (value instanceof tf.Tensor) return;
    throw new TypeError(
      `Cannot mix batches with ${this.name} as ${part} must be one tensor: current value is ${
        describeValue(value)
      }`,
    );
  }
}

/**
 * A number in (0, 1) from the distribution Beta(alpha, alpha).
 *
 * The share of one of two numbers from Gamma(alpha), by Marsaglia and Tsang, "A Simple Method for
 * Generating Gamma Variables", 2000, https://doi.org/10.1145/358407.358414.
 */
export function drawBeta(alpha: number, random: () => number): number {
  const first = drawLogGamma(alpha, random), second = drawLogGamma(alpha, random);
  return 1 / (1 + Math.exp(second - first));
}

/** The logarithm, as for a small alpha the numbers themselves underflow. */
function drawLogGamma(alpha: number, random: () => number): number {
  if (alpha < 1) return drawLogGamma(alpha + 1, random) + Math.log(1 - random()) / alpha;
  const d = alpha - 1 / 3, c = 1 / Math.sqrt(9 * d);
  while (true) {
    const x = drawNormal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random()) < x * x / 2 + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

function drawNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
