import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";
import { confusion } from "./confusion.ts";

/** A confusion matrix of many batches, kept on the device as exact integers. */
export class ConfusionTotal {
  #total: tf.Tensor2D | undefined;

  /** Adds a batch. */
  add(predictions: tf.Tensor, labels: tf.Tensor): void {
    const before = this.#total;
    this.#total = tf.keep(tf.tidy(() => {
      const counts = confusion(predictions, labels);
      return before ? counts.add<tf.Tensor2D>(before) : counts;
    }));
    before?.dispose();
  }

  /**
   * The counts so far, read off the device, and those of others: a row for each actual class; none
   * before a batch.
   */
  async read(peers?: Peers): Promise<number[][]> {
    const rows = await this.#total?.array() ?? [];
    const counts = Float64Array.from(rows.flat());
    peers?.sum(counts);
    return rows.map((row, actual) => row.map((_, index) => counts[actual * row.length + index]));
  }

  /** Forgets everything. */
  reset(): void {
    this.#total?.dispose();
    this.#total = undefined;
  }

  /** The counts so far, on the device; they stay with this. */
  state(): unknown {
    return { total: this.#total };
  }

  /** Goes on from a state, whose tensor this now owns. */
  restore(state: unknown): void {
    this.reset();
    this.#total = (state as { total?: tf.Tensor2D }).total;
  }
}
