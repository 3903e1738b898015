import { tf } from "../deps/tfjs.ts";
import { type LossWeight, weightOfLoss } from "../losses/loss_inputs.ts";
import { disposeTensors, tensorsIn } from "../tensors/nested_tensors.ts";

/** The names of the tensors of a batch. */
export const BATCH_TENSORS = [
  "data",
  "labels",
  "weights",
  "predictions",
  "loss",
  "gradients",
] as const;

/** The name of a tensor of a batch. */
export type BatchTensorName = typeof BATCH_TENSORS[number];

/**
 * Results of a step that is played back: they become tensors when something reads them, which most
 * steps never do.
 */
export interface LateTensors {
  /** Makes the tensors, which the caller disposes; called at most once in a step. */
  make(): unknown;
  /** The elements of each gradient, by the name of its weight, until the tensors are made. */
  readonly memory?: ReadonlyMap<string, tf.TensorInfo>;
}

/** The names of tensors that may be late. */
type LateName = "predictions" | "gradients";

/**
 * The tensors of the current batch. Every tensor that was put here is disposed with the batch, also
 * one that a callback has replaced since, in whole or inside a record: other tensors may still be
 * computed from it.
 */
export class BatchTensors {
  readonly #values: Partial<Record<BatchTensorName, unknown>> = {};
  readonly #late: Partial<Record<LateName, LateTensors>> = {};
  readonly #owned: tf.Tensor[] = [];
  /** The loss that the loss function has returned, and its divisor. */
  #statedLoss: tf.Tensor | undefined;
  #lossWeight: LossWeight | undefined;
  #gradientWeight: tf.Scalar | number | undefined;

  /** Returns the tensors of a name. */
  get(name: BatchTensorName): unknown {
    const late = this.#late[name as LateName];
    if (late) {
      this.put(name, late.make());
      this.keep(name as LateName);
    }
    return this.#values[name];
  }

  /** Sets tensors that are made when something reads them. */
  putLate(name: LateName, tensors: LateTensors): void {
    this.#late[name] = tensors;
  }

  /** Tensors that nothing has read yet. */
  late(name: LateName): LateTensors | undefined {
    return this.#late[name];
  }

  /** Sets the tensors of a name; they now belong to the batch. */
  put(name: BatchTensorName, value: unknown): void {
    this.own(value);
    if (name === "predictions" || name === "gradients") this.#late[name] = undefined;
    // The first loss is that of the loss function; others are computed from it.
    if (name === "loss" && !this.#values.loss) {
      this.#statedLoss = value as tf.Tensor;
      this.#lossWeight = weightOfLoss(this.#statedLoss);
      this.#gradientWeight = undefined;
    }
    this.#values[name] = value;
  }

  /** Weight of the gradients; `undefined` if it is the number of examples. */
  get gradientWeight(): tf.Scalar | number | undefined {
    const { lossWeight } = this;
    if (this.#gradientWeight === undefined && lossWeight !== undefined) {
      this.gradientWeight = lossWeight as tf.Scalar | number;
    }
    return this.#gradientWeight;
  }
  set gradientWeight(weight: tf.Scalar | number) {
    this.own(weight);
    this.#gradientWeight = weight;
  }

  /** The loss that the loss function has returned; it may be disposed. */
  get statedLoss(): tf.Tensor | undefined {
    return this.#statedLoss;
  }

  /** Weight of the loss as the loss function says it. */
  get statedWeight(): LossWeight | undefined {
    return this.#lossWeight;
  }

  /**
   * Weight of the loss in a mean over batches; `undefined` if it is the number of examples. A tensor
   * is the caller's.
   */
  get lossWeight(): tf.Tensor | number | undefined {
    const weight = this.#lossWeight;
    return typeof weight === "function" ? tf.tidy(weight) : weight;
  }
  /** Puts the weight of a loss of a checkpoint back; a tensor now belongs to the batch. */
  set lossWeight(weight: tf.Tensor | number | undefined) {
    this.own(weight);
    this.#lossWeight = weight instanceof tf.Tensor ? () => weight.clone() : weight;
  }

  /** Disposes tensors with the batch. */
  own(value: unknown): void {
    if (value instanceof tf.Tensor) this.#owned.push(value);
    else this.#owned.push(...tensorsIn(value));
  }

  /** Keeps the tensors of a name beyond the end of the surrounding `tf.tidy`. */
  keep(name: "predictions" | "loss" | "gradients"): void {
    const value = this.#values[name];
    if (value instanceof tf.Tensor) tf.keep(value);
    else tensorsIn(value).forEach(tf.keep);
  }

  /**
   * Takes the loss out of the batch: it now belongs to the caller.
   *
   * It is a clone where another name holds the same tensor, as with a model that returns its own
   * loss as its prediction.
   */
  takeLoss(): tf.Tensor | undefined {
    const loss = this.#values.loss;
    if (!(loss instanceof tf.Tensor)) return;
    if (loss.isDisposed) {
      throw new TypeError(
        "Cannot count the loss of the batch as it must be alive: it is disposed. The Learner " +
          "disposes it after its batch: a callback that keeps it clones it",
      );
    }
    const first = this.#owned.indexOf(loss);
    const only = first === this.#owned.lastIndexOf(loss);
    if (!only || loss instanceof tf.Variable) return loss.clone();
    this.#values.loss = undefined;
    this.#owned.splice(first, 1);
    return loss;
  }

  /** Disposes everything. */
  dispose(): void {
    this.#statedLoss = this.#lossWeight = this.#gradientWeight = undefined;
    this.#late.predictions = this.#late.gradients = undefined;
    const values = this.#values;
    for (const name of BATCH_TENSORS) {
      // A callback may have put tensors into a record after `put()`: they are not in the list.
      const value = values[name];
      if (!(value instanceof tf.Tensor)) disposeTensors(value);
      values[name] = undefined;
    }
    // Newest first: the heap then gives the next batch the same addresses, which are still cached.
    for (let at = this.#owned.length - 1; at >= 0; at--) disposeTensors(this.#owned[at]);
    this.#owned.length = 0;
  }
}

const ALL = new WeakMap<object, BatchTensors>();

/** The tensors of a Learner's current batch. */
export function batchTensorsOf(learner: object): BatchTensors {
  let tensors = ALL.get(learner);
  if (!tensors) ALL.set(learner, tensors = new BatchTensors());
  return tensors;
}
