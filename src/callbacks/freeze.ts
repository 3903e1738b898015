import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { describeValue } from "../checks/describe_value.ts";
import { UPDATED_WHEN_FROZEN } from "../backend/fix_layers/fix_batch_normalization.ts";
import type { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { normalizations } from "../model/batch_norm_statistics.ts";

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
  #frozen: tf.Variable[] | undefined;
  #normalizations: object[] = [];

  /**
   * Checks the options.
   *
   * @param match The name of a layer, of a model within the model or of a weight; a pattern that
   *   matches a part of such a name; or a list of these.
   * @param options When to stop, and whether statistics are frozen, too.
   * @throws {TypeError} If `match` is something else.
   * @throws {RangeError} If `until` is not an integer >= 1.
   */
  constructor(
    match: string | RegExp | readonly (string | RegExp)[],
    options: FreezeOptions = {},
  ) {
    super();
    const action = "freeze weights";
    checkOptions(action, options, { until: true, updateStatistics: true });
    const { until = Infinity, updateStatistics = false } = options;
    if (until !== Infinity) checkNumber(action, "until", until, { integer: true, min: 1 });
    const patterns = Array.isArray(match) ? match : [match];
    for (const pattern of patterns) {
      if (typeof pattern === "string" || pattern instanceof RegExp) continue;
      throw new TypeError(
        `Cannot ${action} as match must be a name, a pattern or a list of these: ` +
          `current value is ${describeValue(pattern)}`,
      );
    }
    this.#patterns = patterns;
    this.#until = until;
    this.#updateStatistics = updateStatistics;
  }

  /**
   * Freezes the weights.
   *
   * @throws {RangeError} If no layer or weight has a name that matches.
   */
  override beforeTrain(learner: AnyLearner): void {
    this.#freeze(learner);
  }

  /** Thaws the weights in epoch `until`. */
  override beforeEpoch(learner: AnyLearner): void {
    if (learner.epoch >= this.#until) this.#thaw();
  }

  /** Freezes the weights in a resumed training, where `beforeTrain` does not run. */
  override beforeBatch(learner: AnyLearner): void {
    if (!this.#frozen && learner.epoch < this.#until) this.#freeze(learner);
  }

  /** Thaws the weights. */
  override afterTrain(): void {
    this.#thaw();
  }

  #freeze({ model }: AnyLearner): void {
    const named = [...namedVariables(model)];
    const all = this.#patterns.map((pattern) => {
      const matching = named.filter(({ names }) =>
        names.some((name) => typeof pattern === "string" ? name === pattern : name.match(pattern))
      );
      if (matching.length > 0) return matching;
      const known = [...new Set(named.flatMap(({ names }) => names))].join(", ");
      throw new RangeError(
        `Cannot freeze ${pattern} as it must be the name of a layer or weight: there are ${known}`,
      );
    });
    this.#frozen = all.flat().map(({ variable }) => variable).filter(({ trainable }) => trainable);
    for (const variable of this.#frozen) variable.trainable = false;
    if (!this.#updateStatistics || !("layers" in model)) return;
    this.#normalizations = [...normalizations(model.layers)];
    for (const layer of this.#normalizations) UPDATED_WHEN_FROZEN.add(layer);
  }

  #thaw(): void {
    for (const variable of this.#frozen ?? []) variable.trainable = true;
    for (const layer of this.#normalizations) UPDATED_WHEN_FROZEN.delete(layer);
    this.#frozen = undefined;
  }
}

interface Named {
  variable: tf.Variable;
  /** Its own name, and the names of the layers that contain it. */
  names: string[];
}

function* namedVariables(model: AnyLearner["model"]): Iterable<Named> {
  if ("trainableWeights" in model) {
    // Building a model makes all of its weights trainable again.
    if (!model.built) model.build(model.inputs[0].shape);
    return yield* variablesOfLayers(model.layers, []);
  }
  for (const variable of model.trainableVariables) yield { variable, names: [variable.name] };
}

function* variablesOfLayers(layers: tf.layers.Layer[], outer: string[]): Iterable<Named> {
  for (const layer of layers) {
    const names = [...outer, layer.name];
    if ("layers" in layer) yield* variablesOfLayers(layer.layers as tf.layers.Layer[], names);
    else {
      for (const weight of layer.weights) {
        yield { variable: weight.read() as tf.Variable, names: [...names, weight.originalName] };
      }
    }
  }
}
