import { tf } from "../deps/tfjs.ts";

/** How many values are folded at once: one kernel for all of them, instead of two for each. */
const FOLD = 64;

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

  /** The mean so far, read off the device; NaN where nothing was added. */
  async read(): Promise<number> {
    this.#fold();
    if (!this.#sum) return NaN;
    const total = this.#total;
    const [sum] = await this.#sum.data();
    return sum / total;
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
    const sum = tf.tidy(() => {
      const folded = tf.mul(tf.addN(this.#pending), this.#weight);
      return this.#sum ? folded.add(this.#sum) : folded;
    });
    tf.dispose(this.#pending);
    this.#sum?.dispose();
    this.#pending = [];
    this.#sum = sum;
  }
}
