import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { CancelTrain } from "../errors.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { finiteProbes } from "../tensors/nested_tensors.ts";
import { isTraining } from "./support/monitor.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Options of {@linkcode StopOnNaN}.
 *
 * @category Callbacks
 */
export interface StopOnNaNOptions {
  /** Whether gradients are checked, too. Default: true. */
  gradients?: boolean;
  /** Check every n-th batch, an integer >= 1. Default: 1. */
  every?: number;
}

/**
 * Ends the training before a loss or gradient that is not finite spoils the weights, and names the
 * first weight with such a gradient.
 *
 * It reads the device once for each batch that it checks, which slows a GPU down: raise `every`
 * there. Checking the mean loss of a validation costs nothing.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { StopOnNaN } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.fill([1, 1], NaN)]] },
 *   callbacks: [new StopOnNaN()],
 * });
 * const { reason } = await learner.train();
 * assertEquals(reason, "StopOnNaN: the loss is NaN (epoch 0, batch 0)");
 * ```
 *
 * @category Callbacks
 */
export class StopOnNaN extends Callback {
  /** Before the callbacks that change gradients. */
  override priority: number = PRIORITIES.mode;
  readonly #gradients: boolean;
  readonly #every: number;

  /**
   * Checks the options.
   *
   * @param options What to check, and how often.
   * @throws {RangeError} If `every` is not an integer >= 1.
   */
  constructor(options: StopOnNaNOptions = {}) {
    super();
    const action = "stop on NaN";
    checkOptions(action, options, { gradients: "flag", every: true });
    const { gradients = true, every = 1 } = options;
    this.#gradients = gradients;
    this.#every = checkNumber(action, "every", every, { integer: true, min: 1 });
  }

  /** Checks the loss and the gradients. */
  override async afterBackward(learner: AnyLearner): Promise<void> {
    const { batchIndex, epoch, loss, objective } = learner;
    if (batchIndex % this.#every !== 0) return;
    const gradients = Object.entries(this.#gradients ? learner.gradients : {});
    const probe = tf.tidy(() =>
      tf.stack([loss, ...finiteProbes(gradients.map(([, gradient]) => gradient))])
    );
    const [value, ...sums] = await probe.data();
    probe.dispose();
    const part = objective === undefined ? "" : `, objective ${objective}`;
    const where = `(epoch ${epoch}, batch ${batchIndex}${part})`;
    if (!Number.isFinite(value)) {
      throw new CancelTrain(`${this.name}: the loss is ${value} ${where}`);
    }
    const index = sums.findIndex(Number.isNaN);
    if (index === -1) return;
    const [name] = gradients[index];
    throw new CancelTrain(`${this.name}: the gradient of ${name} is not finite ${where}`);
  }

  /** Checks the mean loss of a validation. */
  override afterValidate(learner: AnyLearner): void {
    const { cancelled, epoch, validationLoss } = learner;
    if (cancelled.has("validate") || Number.isFinite(validationLoss)) return;
    if (!isTraining(learner)) return;
    throw new CancelTrain(
      `${this.name}: the validation loss is ${validationLoss} (epoch ${epoch})`,
    );
  }
}
