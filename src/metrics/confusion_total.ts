import * as field from "../checks/fields.ts";
import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/loader.ts";
import { type HostTensor, hostTensor } from "../io/host_tensor.ts";
import type { AccuracyOptions } from "./classes.ts";
import { countConfusions } from "./confusion.ts";

/** Accepts the state of a {@linkcode ConfusionTotal} in a checkpoint. */
export const confusionTotal: field.FieldCheck = field.record({
  total: field.optional(field.all(
    hostTensor,
    field.that("must be a matrix", (value) => (value as HostTensor).shape.length === 2),
  )),
});

/** A confusion matrix of many batches, kept on the device: exact integers, or sums of weights. */
export class ConfusionTotal {
  #total: tf.Tensor2D | undefined;

  /** Adds a batch. */
  add(predictions: tf.Tensor, labels: tf.Tensor, options: AccuracyOptions = {}): void {
    const before = this.#total;
    this.#total = tf.keep(tf.tidy(() => {
      const counts = countConfusions(predictions, labels, options);
      return before ? counts.add<tf.Tensor2D>(before) : counts;
    }));
    before?.dispose();
  }

  /**
   * Reads the counts off the device.
   *
   * @param peers Other ranks, whose counts are added.
   * @returns A row for each actual class, a column for each predicted one and a last column for
   *   examples without a known prediction; no row before the first batch.
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

  /** The counts on the device, for a checkpoint; they stay with this object. */
  state(): unknown {
    return { total: this.#total };
  }

  /** Continues from a state, whose tensor this object now owns. */
  restore(state: unknown): void {
    this.reset();
    this.#total = withUnknown((state as { total?: tf.Tensor2D }).total);
  }
}

/** Checkpoints of version 0.1 have no column of examples without a known prediction. */
function withUnknown(total: tf.Tensor2D | undefined): tf.Tensor2D | undefined {
  if (!total || total.shape[0] < total.shape[1]) return total;
  const padded = tf.pad2d(total, [[0, 0], [0, 1]]);
  total.dispose();
  return padded;
}
