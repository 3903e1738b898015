import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { putStatesAside } from "../model/layers.ts";
import { applyModel } from "../model/model.ts";
import { tf } from "../deps/tfjs.ts";
import { keyedRandom, withRandom } from "../random/random_numbers.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { modelsOf } from "../learner/run.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Options of {@linkcode SanityCheck}.
 *
 * @category Callbacks
 */
export interface SanityCheckOptions {
  /** Number of batches, an integer >= 1. Default: 2. */
  batches?: number;
}

/**
 * Computes the loss of a few batches of validation before the training, so that a mistake there is
 * found before the first epoch.
 *
 * No hook runs, no weight changes and no random state is touched. A loader that can be read only once
 * (a generator) is not checked.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { SanityCheck } from "@trainchart/trainchart/callbacks";
 * import { assertRejects } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: {
 *     train: [[tf.ones([1, 1]), tf.ones([1, 1])]],
 *     validation: [[tf.ones([1, 1]), tf.fill([1, 1], NaN)]],
 *   },
 *   callbacks: [new SanityCheck()],
 * });
 * await assertRejects(() => learner.train(), RangeError, "must be finite: current value is NaN");
 * ```
 *
 * @category Callbacks
 */
export class SanityCheck extends Callback {
  /** Before the callbacks that measure. */
  override priority: number = PRIORITIES.mode;
  readonly #batches: number;

  /**
   * Checks the options.
   *
   * @param options How many batches to check.
   * @throws {RangeError} If `batches` is not an integer >= 1.
   */
  constructor(options: SanityCheckOptions = {}) {
    super();
    const action = "check the validation";
    checkOptions(action, options, { batches: true });
    const { batches = 2 } = options;
    this.#batches = checkNumber(action, "batches", batches, { integer: true, min: 1 });
  }

  /**
   * Checks the validation.
   *
   * @throws {RangeError} If a loss is not a finite scalar.
   */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    const { dataloaders: { validation } } = learner;
    if (validation === undefined || isReadOnce(validation)) return;
    const states = putStatesAside(modelsOf(learner));
    try {
      await this.#validate(learner);
    } finally {
      states.putBack();
    }
  }

  async #validate(learner: AnyLearner): Promise<void> {
    const { model } = learner;
    let index = 0;
    for await (const { data, labels } of learner.batches("validation")) {
      const loss = tf.tidy(() =>
        withRandom(keyedRandom(0, index), () => {
          const predictions = applyModel(model, data, { training: false });
          return learner.lossFunction(predictions, labels);
        })
      );
      const [value] = await loss.data();
      loss.dispose();
      if (loss.rank !== 0 || !Number.isFinite(value)) {
        throw new RangeError(
          `Cannot validate as the loss of batch ${index} of dataloaders.validation must be ` +
            (loss.rank === 0
              ? `finite: current value is ${value}`
              : `a scalar: current shape is [${loss.shape}]`),
        );
      }
      if (++index === this.#batches) break;
    }
  }
}

function isReadOnce(loader: unknown): boolean {
  return typeof loader === "object" && typeof (loader as { next?: unknown }).next === "function";
}
