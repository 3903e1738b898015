import { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";

/** How many values are folded at once: one kernel for all of them, instead of two for each. */
const FOLD = 64;

/** What a {@linkcode RunningMean} remembers. */
export interface RunningMeanState {
  /** What each pending value stands for. */
  readonly weight: number;
  /** What all values stand for. */
  readonly total: number;
  /** Of the values that are folded, weighted. */
  readonly sum?: tf.Tensor;
  /** Values that are not folded yet. */
  readonly pending: readonly tf.Tensor[];
}

/**
 * The mean of scalars weighted by batch size, accumulated on the device: nothing is read back
 * until somebody asks.
 */
export class RunningMean {
  #pending: tf.Tensor[] = [];
  #weight = 0;
  #sum: tf.Tensor | undefined;
  #total = 0;

  /** Adds a scalar, which this now owns, that stands for `weight` examples. */
  add(value: tf.Tensor, weight: number): void {
    if (weight !== this.#weight || this.#pending.length === FOLD) this.#fold();
    this.#weight = weight;
    this.#pending.push(value);
    this.#total += weight;
  }

  /**
   * The mean so far, read off the device; NaN where nothing was added. Reading changes nothing: the
   * order of additions, and so the last bit of the sum, does not depend on who looks when.
   *
   * @param peers Whose values count as well. Default: nobody's.
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

  /** All that is remembered; the tensors stay with this. */
  state(): RunningMeanState {
    return {
      weight: this.#weight,
      total: this.#total,
      sum: this.#sum,
      pending: [...this.#pending],
    };
  }

  /** Goes on from a state, whose tensors this now owns. */
  restore({ weight, total, sum, pending }: RunningMeanState): void {
    this.reset();
    this.#weight = weight;
    this.#total = total;
    this.#sum = sum;
    this.#pending = [...pending];
  }

  /** Forgets everything. */
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
