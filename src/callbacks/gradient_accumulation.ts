import { weightAt } from "./support/weight_list.ts";
import * as field from "../checks/fields.ts";
import { hostTensorOf } from "../io/host_tensor.ts";
import { checkNumber } from "../checks/check_number.ts";
import { tf } from "../deps/tfjs.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { variablesOf } from "../model/model.ts";
import { finiteProbes } from "./support/are_finite.ts";

interface State {
  readonly batches: number;
  /** Total weight of the gradients in `sums`. */
  readonly weight?: tf.Tensor;
  /** The weight in checkpoints of version 0.1. */
  readonly examples?: number;
  /** By position among the model's variables, as names differ from one process to the next. */
  readonly sums: Record<number, tf.Tensor>;
}

/** A weight below this is 0. */
const TINY = 1e-30;

/** The gradients of the current batch, until it is known whether the batch is cancelled. */
interface Pending {
  readonly learner: AnyLearner;
  /** By position; they belong to the batch. */
  readonly gradients: Record<number, tf.Tensor>;
  readonly weight: tf.Scalar;
  /** Whether this batch fills the window. */
  readonly full: boolean;
}

/**
 * Updates the weights once for several batches, with the mean of their gradients weighted by batch
 * size: the update of one large batch, in the memory of a small one. (Batch normalisation still sees
 * small batches.) Where a loss says what it divides by, as `crossEntropy` does of labels to ignore and
 * of class weights, that is the weight of its batch.
 *
 * The last window of an epoch may be shorter. (If the loader does not know its length, one batch is
 * fetched ahead.) An epoch that is cut short leaves its window open for the next one. In the batches
 * before the last of a window, `gradients` is empty from `afterBackward` on, and nothing is updated.
 *
 * The gradients of a batch that is cancelled, in whichever hook, do not enter the window, and neither
 * do gradients that are not finite; the others stay.
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
  #weight: tf.Tensor | undefined;
  #sums: Record<number, tf.Tensor> = {};
  #pending: Pending | undefined;

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

  /** Tells the other callbacks that updates take several batches. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    const before = learner.batchesPerUpdate;
    learner.batchesPerUpdate *= this.#window;
    return () => void (learner.batchesPerUpdate = before);
  }

  /** Empties the window. */
  override beforeTrain(): void {
    this.#forget();
  }

  /** Replaces the gradients: by nothing, or by the mean of the window that they fill. */
  override async afterBackward(learner: AnyLearner): Promise<void> {
    const { gradients, model, gradientWeight } = learner;
    if (Object.keys(gradients).length === 0) return;
    const own: Record<number, tf.Tensor> = {};
    variablesOf(model).forEach(({ name }, position) => {
      if (gradients[name]) own[position] = gradients[name];
    });
    const full = this.#batches + 1 === this.#window || await learner.isLastBatch();
    const weight = usableWeight(Object.values(own), gradientWeight);
    this.#pending = { learner, gradients: own, weight, full };
    learner.gradients = full ? this.#mean(this.#pending) : {};
  }

  /** Adds the gradients to the window, unless the batch was cancelled. */
  override afterBatch(): void {
    this.#settle();
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
      weight: field.optional(hostTensorOf([])),
      examples: field.optional(field.number({ min: 0 })),
      sums: field.record(Object.fromEntries(positions)),
    })(state, path);
  };

  /** The open window, for a checkpoint; the tensors stay the callback's. */
  override state(): unknown {
    this.#settle();
    return {
      batches: this.#batches,
      ...this.#weight && { weight: this.#weight },
      sums: this.#sums,
    } satisfies State;
  }

  /** Continues from a checkpoint; its tensors now belong to the callback. */
  override restore(state: unknown): void {
    const { batches, examples = 0, weight, sums } = state as State;
    this.#forget();
    this.#batches = batches;
    this.#weight = weight ?? (batches > 0 ? tf.scalar(examples) : undefined);
    this.#sums = sums;
  }

  /** The mean of the window with the current batch. */
  #mean({ learner, gradients, weight }: Pending): tf.NamedTensorMap {
    const variables = variablesOf(learner.model);
    const total = tf.tidy(() => this.#weight?.add(weight) ?? weight.clone());
    learner.gradientWeight = total as tf.Scalar;
    const positions = new Set([...Object.keys(this.#sums), ...Object.keys(gradients)].map(Number));
    return Object.fromEntries(Array.from(positions, (position) => [
      variables[position].name,
      // The sum is 0 where the weight is.
      tf.tidy(() => this.#sum(position, gradients[position], weight).div(total.maximum(TINY))),
    ]));
  }

  #sum(position: number, gradient: tf.Tensor | undefined, weight: tf.Scalar): tf.Tensor {
    const sum = this.#sums[position];
    if (!gradient) return sum;
    // Not by multiplication: 0 times NaN is NaN.
    const usable = tf.where(weight.greater(0), gradient, tf.zerosLike(gradient)).mul(weight);
    return sum ? usable.add(sum) : usable;
  }

  #settle(): void {
    const { learner, gradients, weight, full } = this.#pending ?? {};
    this.#pending = undefined;
    if (!learner || !gradients || !weight) return;
    const { cancelled, failures } = learner;
    if (!cancelled.has("batch") && failures.length === 0) {
      if (full) this.#forget();
      else this.#add(gradients, weight);
    }
    weight.dispose();
  }

  #add(gradients: Record<number, tf.Tensor>, weight: tf.Scalar): void {
    for (const [position, gradient] of Object.entries(gradients)) {
      const old = this.#sums[Number(position)];
      this.#sums[Number(position)] = tf.tidy(() => this.#sum(Number(position), gradient, weight));
      old?.dispose();
    }
    const before = this.#weight;
    this.#weight = tf.tidy(() => before?.add(weight) ?? weight.clone());
    before?.dispose();
    this.#batches++;
  }

  #forget(): void {
    tf.dispose([this.#sums, this.#weight ?? [], this.#pending?.weight ?? []]);
    this.#sums = {};
    this.#weight = this.#pending = undefined;
    this.#batches = 0;
  }
}

/** The weight of gradients; 0 if one of them is not finite. */
function usableWeight(gradients: readonly tf.Tensor[], weight: tf.Scalar | number): tf.Scalar {
  return tf.tidy(() => {
    const isUsable = tf.logicalNot(tf.isNaN(tf.addN(finiteProbes(gradients))));
    return tf.where(isUsable, weight, 0) as tf.Scalar;
  });
}
