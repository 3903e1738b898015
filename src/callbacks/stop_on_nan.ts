import { tf } from "../deps/tfjs.ts";
import { CancelTrain } from "../errors.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { isTraining } from "./support/monitor.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/** Options of {@linkcode StopOnNaN}. */
export interface StopOnNaNOptions {
  /** Whether gradients are looked at too. Default: true. */
  gradients?: boolean;
  /** Looks at every so many-th batch, an integer >= 1. Default: 1. */
  every?: number;
}

/**
 * Ends the training before a loss or gradient that is not finite spoils the weights, and names the
 * first weight whose gradient it is.
 *
 * It reads the device once for each batch that it looks at, which holds up a GPU: raise `every`
 * there. The loss of a whole validation is looked at for free.
 *
 * @example
 * ```ts
 * import { Learner, sgd, StopOnNaN, tf } from "@trainchart/trainchart";
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
 */
export class StopOnNaN extends Callback {
  /** Before anybody changes the gradients. */
  override priority: number = PRIORITIES.mode;
  readonly #gradients: boolean;
  readonly #every: number;

  /**
   * Checks the options.
   *
   * @param options What to look at.
   * @throws {RangeError} If `every` is not an integer >= 1.
   */
  constructor({ gradients = true, every = 1 }: StopOnNaNOptions = {}) {
    super();
    if (!Number.isInteger(every) || every < 1) {
      throw new RangeError(
        `Cannot watch for NaN as every must be an integer >= 1: current value is ${every}`,
      );
    }
    this.#gradients = gradients;
    this.#every = every;
  }

  /** Looks at the loss, and at the gradients. */
  override async afterBackward(learner: AnyLearner): Promise<void> {
    const { batchIndex, epoch, loss } = learner;
    if (batchIndex % this.#every !== 0) return;
    const gradients = Object.entries(this.#gradients ? learner.gradients : {});
    // What is not finite is NaN when multiplied by 0.
    const probe = tf.tidy(() =>
      tf.stack([loss, ...gradients.map(([, gradient]) => gradient.mul(0).sum())])
    );
    const [value, ...sums] = await probe.data();
    probe.dispose();
    const where = `(epoch ${epoch}, batch ${batchIndex})`;
    if (!Number.isFinite(value)) {
      throw new CancelTrain(`${this.name}: the loss is ${value} ${where}`);
    }
    const index = sums.findIndex(Number.isNaN);
    if (index === -1) return;
    const [name] = gradients[index];
    throw new CancelTrain(`${this.name}: the gradient of ${name} is not finite ${where}`);
  }

  /** Looks at the mean loss of a validation. */
  override afterValidate(learner: AnyLearner): void {
    const { cancelled, epoch, validationLoss } = learner;
    if (cancelled.has("validate") || Number.isFinite(validationLoss)) return;
    if (!isTraining(learner)) return;
    throw new CancelTrain(
      `${this.name}: the validation loss is ${validationLoss} (epoch ${epoch})`,
    );
  }
}
