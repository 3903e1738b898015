import { weightAt } from "./support/weight_list.ts";
import * as field from "../checks/fields.ts";
import { checkNumber } from "../checks/check_number.ts";
import { tf } from "../deps/tfjs.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { variablesOf } from "../model/model.ts";

interface State {
  batches: number;
  examples: number;
  /** By position among the model's variables, as names differ from one process to the next. */
  sums: Record<number, tf.Tensor>;
}

/**
 * Updates the weights once for several batches, with the mean of their gradients weighted by batch
 * size: the update of one large batch, in the memory of a small one. (Batch normalisation still sees
 * small batches.)
 *
 * The last window of an epoch may be shorter. (If the loader does not know its length, one batch is
 * fetched ahead.) An epoch that is cut short leaves its window open for the next one. In the batches
 * before the last of a window, `gradients` is empty from `afterBackward` on, and nothing is updated.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { GradientAccumulation } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: Array(5).fill([tf.ones([2, 1]), tf.ones([2, 1])]) },
 *   callbacks: [new GradientAccumulation(2)],
 * });
 * await learner.train();
 * assertEquals(learner.optimizer.iterations, 3); // of 2, 2 and 1 batches
 * ```
 *
 * @category Callbacks
 */
export class GradientAccumulation extends Callback {
  /** Before callbacks that read the gradients. */
  override priority: number = PRIORITIES.data;
  /** Ranks exchange gradients only when the window is full: until then, sums differ. */
  override readonly perRank: boolean = true;
  readonly #window: number;
  #batches = 0;
  #examples = 0;
  #sums: Record<number, tf.Tensor> = {};

  /**
   * Checks the number.
   *
   * @param batches Number of batches in an update, an integer >= 1.
   * @throws {RangeError} If `batches` is not an integer >= 1.
   */
  constructor(batches: number) {
    super();
    const range = { integer: true, min: 1 };
    this.#window = checkNumber("accumulate gradients", "batches", batches, range);
  }

  /** Empties the window. */
  override beforeTrain(): void {
    this.#forget();
  }

  /** Adds the gradients to the window; when it is full, replaces them by their mean. */
  override async afterBackward(learner: AnyLearner): Promise<void> {
    const { gradients, batchSize, model } = learner;
    variablesOf(model).forEach(({ name }, position) => {
      if (gradients[name]) this.#add(position, gradients[name], batchSize);
    });
    this.#examples += batchSize;
    this.#batches++;
    const full = this.#batches === this.#window || await learner.isLastBatch();
    learner.gradients = full ? this.#mean(model) : {};
  }

  /** Empties the window. */
  override afterTrain(): void {
    this.#forget();
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path, learner) => {
    const sums = Object(state).sums ?? {};
    const positions = Object.keys(sums).map((position) =>
      [position, weightAt(learner, Number(position))] as const
    );
    return field.record({
      batches: field.integer({ min: 0 }),
      examples: field.number({ min: 0 }),
      sums: field.record(Object.fromEntries(positions)),
    })(state, path);
  };

  /** The open window, for a checkpoint; the tensors stay the callback's. */
  override state(): unknown {
    return {
      batches: this.#batches,
      examples: this.#examples,
      sums: this.#sums,
    } satisfies State;
  }

  /** Continues from a checkpoint; its tensors now belong to the callback. */
  override restore(state: unknown): void {
    const { batches, examples, sums } = state as State;
    this.#forget();
    this.#batches = batches;
    this.#examples = examples;
    this.#sums = sums;
  }

  #add(position: number, gradient: tf.Tensor, weight: number): void {
    const old = this.#sums[position];
    this.#sums[position] = tf.tidy(() => {
      const weighted = gradient.mul(weight);
      return old ? weighted.add(old) : weighted;
    });
    old?.dispose();
  }

  #mean(model: AnyLearner["model"]): tf.NamedTensorMap {
    const variables = variablesOf(model);
    const mean = Object.fromEntries(
      Object.entries(this.#sums).map(([position, sum]) => [
        variables[Number(position)].name,
        sum.div(this.#examples),
      ]),
    );
    this.#forget();
    return mean;
  }

  #forget(): void {
    tf.dispose(this.#sums);
    this.#sums = {};
    this.#batches = this.#examples = 0;
  }
}
