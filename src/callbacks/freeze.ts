import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { chooseVariables } from "../model/named_variables.ts";
import { checkWeightMatch, type WeightMatch } from "./support/check_weight_match.ts";
import { freezeVariables } from "./support/freeze_variables.ts";

/**
 * Options of {@linkcode Freeze}.
 *
 * @category Callbacks
 */
export interface FreezeOptions {
  /** The first epoch in which the weights are trained again, an integer >= 1. Default: none. */
  until?: number;
  /** Let the moving statistics of frozen batch normalisation follow the data. Default: false. */
  updateStatistics?: boolean;
}

/**
 * Keeps some weights as they are, for a part of the training or all of it.
 *
 * No gradients are computed for them. The optimizer keeps its moments of each frozen weight; so do
 * the optimizers of TensorFlow.js. After the training the weights can be trained again. Frozen batch
 * normalisation is in inference mode, as in Keras 2: its moving statistics stay as they are.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { Freeze } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const body = tf.layers.dense({ name: "body", units: 3, inputShape: [1] });
 * const model = tf.sequential({ layers: [body, tf.layers.dense({ units: 1 })] });
 * const before = body.getWeights()[0].dataSync();
 * const learner = new Learner({
 *   model,
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [new Freeze("body")],
 * });
 * await learner.train();
 * assertEquals(body.getWeights()[0].dataSync(), before);
 * ```
 *
 * @category Callbacks
 */
export class Freeze extends Callback {
  /** Before the callbacks that count trained weights. */
  override priority: number = PRIORITIES.mode;
  readonly #patterns: readonly (string | RegExp)[];
  readonly #until: number;
  readonly #updateStatistics: boolean;
  #thaw: PutBack | undefined;

  /**
   * Checks the options.
   *
   * @param match The name of a layer, of a model within the model or of a weight; a pattern that
   *   matches a part of such a name; or a list of these. A layer without weights is passed over.
   * @param options When to stop, and whether statistics are frozen, too.
   * @throws {TypeError} If `match` is something else.
   * @throws {RangeError} If `until` is not an integer >= 1.
   */
  constructor(
    match: WeightMatch,
    options: FreezeOptions = {},
  ) {
    super();
    const action = "freeze weights";
    checkOptions(action, options, { until: true, updateStatistics: "flag" });
    const { until = Infinity, updateStatistics = false } = options;
    if (until !== Infinity) checkNumber(action, "until", until, { integer: true, min: 1 });
    this.#patterns = checkWeightMatch(action, "match", match);
    this.#until = until;
    this.#updateStatistics = updateStatistics;
  }

  /**
   * Freezes the weights, unless a resumed training is past `until`.
   *
   * @throws {RangeError} If a pattern matches no layer and no weight.
   */
  override setUp({ model, epoch }: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    const chosen = chooseVariables("freeze weights", model, this.#patterns);
    if (epoch >= this.#until) return;
    this.#thaw = freezeVariables(chosen, this.#updateStatistics);
    return this.#thaw;
  }

  /** Thaws the weights in epoch `until`. */
  override beforeEpoch({ epoch }: AnyLearner): void {
    if (epoch >= this.#until) this.#thaw?.();
  }
}
