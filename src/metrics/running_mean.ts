import * as field from "../checks/fields.ts";
import { tf } from "../deps/tfjs.ts";
import { hostTensorOf } from "../io/host_tensor.ts";
import type { Peers } from "../data/shard.ts";

/** Number of values that are folded at once: one kernel for all of them, instead of two for each. */
const FOLD = 64;

/** The state of a {@linkcode RunningMean}. */
export interface RunningMeanState {
  /** The weight of each pending value. */
  readonly weight: number;
  /** The weight of all values. */
  readonly total: number;
  /** The weighted sum of the values that are folded. */
  readonly sum?: tf.Tensor;
  /** Values that are not folded yet. */
  readonly pending: readonly tf.Tensor[];
}

const scalar = hostTensorOf([]);

/** Accepts the state of a {@linkcode RunningMean} in a checkpoint. */
export const runningMean: field.FieldCheck = field.all(
  field.record({
    weight: field.number({ min: 0 }),
    total: field.number({ min: 0 }),
    sum: field.optional(scalar),
    pending: field.list(scalar),
  }),
  field.that("must have values if their total weight is not 0", (value) => {
    const { total, sum, pending } = value as RunningMeanState;
    return total === 0 || sum !== undefined || pending.length > 0;
  }),
);

/**
 * The weighted mean of scalars, accumulated on the device: nothing is read back before
 * {@linkcode RunningMean.read}.
 */
export class RunningMean {
  #pending: tf.Tensor[] = [];
  #weight = 0;
  #sum: tf.Tensor | undefined;
  #total = 0;

  /** Adds a scalar, which this object now owns, with a weight such as the size of its batch. */
  add(value: tf.Tensor, weight: number): void {
    if (weight !== this.#weight || this.#pending.length === FOLD) this.#fold();
    this.#weight = weight;
    this.#pending.push(value);
    this.#total += weight;
  }

  /**
   * Reads the mean so far off the device; NaN where nothing was added. Reading changes nothing: the
   * order of additions, and so the last bit of the sum, does not depend on when it is read.
   *
   * @param peers Other ranks, whose values count as well. Default: none.
   */
  async read(peers?: Peers): Promise<number> {
    const totals = Float64Array.of(0, this.#total);
    totals[0] = await this.#read();
    peers?.sum(totals);
    return totals[0] / totals[1];
  }

  async #read(): Promise<number> {
    if (this.#total === 0) return 0;
    const sum = this.#pending.length > 0 ? this.#folded() : this.#sum!.clone();
    const [value] = await sum.data();
    sum.dispose();
    return value;
  }

  /** The values so far, for a checkpoint; the tensors stay with this object. */
  state(): RunningMeanState {
    return {
      weight: this.#weight,
      total: this.#total,
      sum: this.#sum,
      pending: [...this.#pending],
    };
  }

  /** Continues from a state, whose tensors this object now owns. */
  restore({ weight, total, sum, pending }: RunningMeanState): void {
    this.reset();
    this.#weight = weight;
    this.#total = total;
    this.#sum = sum;
    this.#pending = [...pending];
  }

  /** Forgets all values. */
  reset(): void {
    tf.dispose(this.#pending);
    this.#sum?.dispose();
    this.#pending = [];
    this.#sum = undefined;
    this.#total = 0;
  }

  #fold(): void {
    if (this.#pending.length === 0) return;
    const sum = this.#folded();
    tf.dispose(this.#pending);
    this.#sum?.dispose();
    this.#pending = [];
    this.#sum = sum;
  }

  #folded(): tf.Tensor {
    return tf.tidy(() => {
      const folded = tf.mul(tf.addN(this.#pending), this.#weight);
      return this.#sum ? folded.add(this.#sum) : folded;
    });
  }
}
