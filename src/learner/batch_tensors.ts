import { tf } from "../deps/tfjs.ts";
import { disposeTensors, tensorsIn } from "../tensors/nested_tensors.ts";

/** What a Learner holds of the batch at hand. */
export const BATCH_TENSORS = ["data", "labels", "predictions", "loss", "gradients"] as const;

/** One of them. */
export type BatchTensorName = typeof BATCH_TENSORS[number];

/**
 * The tensors of the batch at hand. Whatever was ever put here is disposed with the batch, also
 * what a callback has replaced meanwhile, in whole or inside a record: other tensors may still be
 * computed from it.
 */
export class BatchTensors {
  readonly #values: Partial<Record<BatchTensorName, unknown>> = {};
  readonly #owned: tf.Tensor[] = [];

  /** What is in a slot. */
  get(slot: BatchTensorName): unknown {
    return this.#values[slot];
  }

  /** Puts tensors into a slot; they now belong to the batch. */
  put(slot: BatchTensorName, value: unknown): void {
    if (value instanceof tf.Tensor) this.#owned.push(value);
    else this.#owned.push(...tensorsIn(value));
    this.#values[slot] = value;
  }

  /** Keeps what is in a slot beyond the end of the surrounding `tf.tidy`. */
  keep(slot: "predictions" | "loss"): void {
    const value = this.#values[slot];
    if (value instanceof tf.Tensor) tf.keep(value);
    else tensorsIn(value).forEach(tf.keep);
  }

  /**
   * Takes the loss out of the batch: it is the caller's from now on.
   *
   * A clone where the loss is something else besides, such as the prediction of a model that
   * returns its own loss.
   */
  takeLoss(): tf.Tensor | undefined {
    const loss = this.#values.loss;
    if (!(loss instanceof tf.Tensor) || loss.isDisposed) return;
    const first = this.#owned.indexOf(loss);
    const only = first === this.#owned.lastIndexOf(loss);
    if (!only || loss instanceof tf.Variable) return loss.clone();
    this.#values.loss = undefined;
    this.#owned.splice(first, 1);
    return loss;
  }

  /** Disposes everything. */
  dispose(): void {
    const values = this.#values;
    for (const slot of BATCH_TENSORS) {
      // A callback may have put tensors into a record that is here: those are not in the list.
      const value = values[slot];
      if (!(value instanceof tf.Tensor)) disposeTensors(value);
      values[slot] = undefined;
    }
    // The newest first: the heap then gives the next batch the same places, still in the caches.
    for (let at = this.#owned.length - 1; at >= 0; at--) disposeTensors(this.#owned[at]);
    this.#owned.length = 0;
  }
}
