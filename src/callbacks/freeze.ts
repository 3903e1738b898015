import type { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/** Options of {@linkcode Freeze}. */
export interface FreezeOptions {
  /** The first epoch, 0-based, in which everything is trained again. Default: none. */
  until?: number;
}

/**
 * Leaves some weights as they are, for a part of the training or all of it.
 *
 * No gradients are computed for them. What optimizers remember of each weight stays with it, also
 * in those of TensorFlow.js. After the training everything can be trained again. Statistics of batch
 * normalisation are no trained weights: they go on following the data.
 *
 * @example
 * ```ts
 * import { Freeze, Learner, sgd, tf } from "@trainchart/trainchart";
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
 */
export class Freeze extends Callback {
  /** Before anybody counts what is trained. */
  override priority: number = PRIORITIES.mode;
  readonly #patterns: readonly (string | RegExp)[];
  readonly #until: number;
  #frozen: tf.Variable[] | undefined;

  /**
   * Checks the options.
   *
   * @param match The name of a layer, of a model within the model or of a weight; a pattern that a
   *   part of such a name matches; or a list of these.
   * @param options For how long.
   * @throws {RangeError} If `until` is not an integer >= 1.
   */
  constructor(
    match: string | RegExp | readonly (string | RegExp)[],
    { until = Infinity }: FreezeOptions = {},
  ) {
    super();
    if (until !== Infinity && !(Number.isInteger(until) && until >= 1)) {
      throw new RangeError(
        `Cannot freeze weights as until must be an integer >= 1: current value is ${until}`,
      );
    }
    this.#patterns = typeof match === "string" || match instanceof RegExp ? [match] : match;
    this.#until = until;
  }

  /**
   * Freezes.
   *
   * @throws {RangeError} If nothing has a name that matches.
   */
  override beforeTrain(learner: AnyLearner): void {
    this.#freeze(learner);
  }

  /** Thaws when it is time. */
  override beforeEpoch(learner: AnyLearner): void {
    if (learner.epoch >= this.#until) this.#thaw();
  }

  /** Freezes in a training that was resumed, where `beforeTrain` does not run. */
  override beforeBatch(learner: AnyLearner): void {
    if (!this.#frozen && learner.epoch < this.#until) this.#freeze(learner);
  }

  /** Thaws. */
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
  }

  #thaw(): void {
    for (const variable of this.#frozen ?? []) variable.trainable = true;
    this.#frozen = undefined;
  }
}

interface Named {
  variable: tf.Variable;
  /** Its own name, and those of the layers that it is in. */
  names: string[];
}

function* namedVariables(model: AnyLearner["model"]): Iterable<Named> {
  if ("trainableWeights" in model) {
    // Building a model makes all of its weights trainable once more.
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
