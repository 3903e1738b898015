import { tf } from "../deps/tfjs.ts";
import { disposeTensors, tensorsIn } from "./nested.ts";

/** What a Learner holds of the batch at hand. */
export type Slot = "data" | "labels" | "predictions" | "loss" | "gradients";

/**
 * The tensors of the batch at hand. Whatever was ever put here is disposed with the batch, also
 * what a callback has replaced meanwhile, in whole or inside a record: other tensors may still be
 * computed from it.
 */
export class Slots {
  readonly #values: Partial<Record<Slot, unknown>> = {};
  #owned: tf.Tensor[] = [];

  /** What is in a slot. */
  get(slot: Slot): unknown {
    return this.#values[slot];
  }

  /** Puts tensors into a slot; they now belong to the batch. */
  put(slot: Slot, value: unknown): void {
    if (value instanceof tf.Tensor) this.#owned.push(value);
    else this.#owned.push(...tensorsIn(value));
    this.#values[slot] = value;
  }

  /** Keeps what is in a slot beyond the end of the surrounding `tf.tidy`. */
  keep(slot: "predictions" | "loss"): void {
    for (const tensor of tensorsIn(this.#values[slot])) tf.keep(tensor);
  }

  /** Disposes everything. */
  dispose(): void {
    const values = this.#values;
    disposeTensors(values.data);
    disposeTensors(values.labels);
    disposeTensors(values.predictions);
    disposeTensors(values.loss);
    disposeTensors(values.gradients);
    values.data = values.labels = undefined;
    values.predictions = values.loss = values.gradients = undefined;
    disposeTensors(this.#owned);
    this.#owned = [];
  }
}
