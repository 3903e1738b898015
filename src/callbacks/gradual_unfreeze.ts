import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { chooseVariables, type NamedVariable, namedVariables } from "../model/named_variables.ts";
import { checkWeightMatch, type WeightMatch } from "./support/check_weight_match.ts";
import { freezeVariables } from "./support/freeze_variables.ts";

const ACTION = "unfreeze weights";

/**
 * Options of {@linkcode GradualUnfreeze}.
 *
 * @category Callbacks
 */
export interface GradualUnfreezeOptions {
  /**
   * Groups that are unfrozen one by one, from the first layer to the last, each by names or patterns
   * as in `Freeze`; or the number of groups, an integer >= 2, into which the layers with weights are
   * divided. Weights that are in no group are unfrozen last. Default: each layer with weights.
   */
  groups?: number | readonly WeightMatch[];
  /** Number of epochs from one group to the next, an integer >= 1. Default: 1. */
  every?: number;
  /** Let the moving statistics of frozen batch normalisation follow the data. Default: false. */
  updateStatistics?: boolean;
}

/**
 * Trains the last layers first, and unfreezes the layers before them one group after another.
 *
 * Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018,
 * https://arxiv.org/abs/1801.06146, section 3.3. It is fast.ai's `freeze_to(-1)`, `freeze_to(-2)` and
 * so on, and Lightning's `BaseFinetuning`; Keras has no counterpart. As in `Freeze`, frozen batch
 * normalisation is in inference mode, and after the training all weights can be trained again.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { GradualUnfreeze } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const trained: number[] = [];
 * const learner = new Learner({
 *   model: tf.sequential({
 *     layers: ["first", "second", "head"].map((name) =>
 *       tf.layers.dense({ name, units: 1, inputShape: [1], useBias: false })
 *     ),
 *   }),
 *   optimizer: sgd(0.1),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [
 *     new GradualUnfreeze(),
 *     { afterBackward: ({ gradients }) => void trained.push(Object.keys(gradients).length) },
 *   ],
 * });
 * await learner.train({ epochs: 4 });
 * assertEquals(trained, [1, 2, 3, 3]);
 * ```
 *
 * @category Callbacks
 */
export class GradualUnfreeze extends Callback {
  /** Before the callbacks that count trained weights. */
  override priority: number = PRIORITIES.mode;
  readonly #groups: number | readonly (readonly (string | RegExp)[])[] | undefined;
  readonly #every: number;
  readonly #updateStatistics: boolean;
  /** The groups that are frozen, and the epoch in which each is unfrozen. */
  #frozen: { readonly epoch: number; readonly unfreeze: () => void }[] = [];

  /**
   * Checks the options.
   *
   * @param options The groups, and when each is unfrozen.
   * @throws {TypeError} If an option is unknown, or a group is not made of names and patterns.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: GradualUnfreezeOptions = {}) {
    super();
    checkOptions(ACTION, options, { groups: true, every: true, updateStatistics: "flag" });
    const { groups, every = 1, updateStatistics = false } = options;
    if (Array.isArray(groups)) {
      checkNumber(ACTION, "the number of groups", groups.length, { integer: true, min: 1 });
      this.#groups = groups.map((group) => checkWeightMatch(ACTION, "a group", group));
    } else if (groups !== undefined) {
      this.#groups = checkNumber(ACTION, "groups", groups as number, { integer: true, min: 2 });
    }
    this.#every = checkNumber(ACTION, "every", every, { integer: true, min: 1 });
    this.#updateStatistics = updateStatistics;
  }

  /**
   * Freezes all groups but the last ones, as far as a resumed training has not unfrozen them.
   *
   * @throws {RangeError} If a group matches no layer and no weight, or the model has fewer layers
   *   with weights than groups are asked for.
   */
  override setUp({ model, epoch }: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    const groups = this.#groupsOf(model).reverse();
    this.#frozen = groups.map((group, index) => ({ group, epoch: index * this.#every }))
      .filter((one) => one.epoch > epoch)
      .map(({ group, epoch }) => ({
        epoch,
        unfreeze: freezeVariables(group, this.#updateStatistics),
      }));
    return () => this.#unfreeze(Infinity);
  }

  /** Unfreezes the groups whose epoch has come. */
  override beforeEpoch({ epoch }: AnyLearner): void {
    this.#unfreeze(epoch);
  }

  #unfreeze(epoch: number): void {
    for (const group of this.#frozen) if (group.epoch <= epoch) group.unfreeze();
    this.#frozen = this.#frozen.filter((group) => group.epoch > epoch);
  }

  /** The groups, the first layer first. */
  #groupsOf(model: AnyLearner["model"]): NamedVariable[][] {
    const groups = this.#groups;
    if (typeof groups === "object") {
      const chosen = groups.map((group) => chooseVariables(ACTION, model, group));
      const known = new Set(chosen.flat().map(({ variable }) => variable));
      const others = namedVariables(model).filter(({ variable }) => !known.has(variable));
      return [others, ...chosen];
    }
    // A weight of a model that is not made of layers is a group of its own.
    const layers = [
      ...Map.groupBy(namedVariables(model), ({ layer, variable }) => layer ?? variable).values(),
    ];
    const count = groups ?? layers.length;
    if (count > layers.length) {
      throw new RangeError(
        `Cannot ${ACTION} as groups must be at most the number of layers with weights, ` +
          `${layers.length}: current value is ${count}`,
      );
    }
    const bounds = Array.from(
      { length: count + 1 },
      (_, i) => Math.round(i * layers.length / count),
    );
    return bounds.slice(1).map((end, index) => layers.slice(bounds[index], end).flat());
  }
}
