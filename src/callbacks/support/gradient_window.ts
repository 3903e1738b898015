import { tf } from "../../deps/tfjs.ts";
import { finiteProbes } from "../../tensors/nested_tensors.ts";

/** Gradients by the position of their variable: names differ from one process to the next. */
export type Gradients = Readonly<Record<number, tf.Tensor>>;

/** The state of a window, for a checkpoint. */
export interface WindowState {
  /** Number of batches. */
  readonly batches: number;
  /** Total weight of the batches. */
  readonly weight?: tf.Tensor;
  /** The weight in checkpoints of version 0.1. */
  readonly examples?: number;
  /** Weighted sums of the gradients. */
  readonly sums: Record<number, tf.Tensor>;
}

/** A weight below this is 0. */
const TINY = 1e-30;

/** The weighted gradients of several batches, summed up. */
export class GradientWindow {
  #batches = 0;
  #weight: tf.Tensor | undefined;
  #sums: Record<number, tf.Tensor> = {};

  /** Number of batches in the window. */
  get batches(): number {
    return this.#batches;
  }

  /** Adds the gradients of a batch, which stay the caller's. */
  add(gradients: Gradients, weight: tf.Scalar): void {
    for (const position of Object.keys(gradients).map(Number)) {
      const old = this.#sums[position];
      this.#sums[position] = tf.tidy(() => this.#sum(position, gradients[position], weight));
      old?.dispose();
    }
    const before = this.#weight;
    this.#weight = this.#total(weight);
    before?.dispose();
    this.#batches++;
  }

  /**
   * The mean of the window and one batch more, and the weight of both. The caller disposes them.
   */
  meanWith(gradients: Gradients, weight: tf.Scalar): { mean: Gradients; weight: tf.Scalar } {
    const total = this.#total(weight);
    const positions = new Set([...Object.keys(this.#sums), ...Object.keys(gradients)].map(Number));
    const mean = Object.fromEntries(Array.from(positions, (position) => [
      position,
      // The sum is 0 where the weight is.
      tf.tidy(() => this.#sum(position, gradients[position], weight).div(total.maximum(TINY))),
    ]));
    return { mean, weight: total };
  }

  /** Empties the window. */
  clear(): void {
    tf.dispose([this.#sums, this.#weight ?? []]);
    this.#sums = {};
    this.#weight = undefined;
    this.#batches = 0;
  }

  /** The state, whose tensors stay those of the window. */
  state(): WindowState {
    return {
      batches: this.#batches,
      ...this.#weight && { weight: this.#weight },
      sums: this.#sums,
    };
  }

  /** Continues from a state, whose tensors now belong to the window. */
  restore({ batches, examples = 0, weight, sums }: WindowState): void {
    this.clear();
    this.#batches = batches;
    this.#weight = weight ?? (batches > 0 ? tf.scalar(examples) : undefined);
    this.#sums = sums;
  }

  #total(weight: tf.Scalar): tf.Scalar {
    return tf.tidy(() => (this.#weight?.add(weight) ?? weight.clone()) as tf.Scalar);
  }

  #sum(position: number, gradient: tf.Tensor | undefined, weight: tf.Scalar): tf.Tensor {
    const sum = this.#sums[position];
    if (!gradient) return sum;
    // Not by multiplication: 0 times NaN is NaN.
    const usable = tf.where(weight.greater(0), gradient, tf.zerosLike(gradient)).mul(weight);
    return sum ? usable.add(sum) : usable;
  }
}

/** The weight of gradients in a window; 0 if one of them is not finite. */
export function usableWeight(gradients: Gradients, weight: tf.Scalar | number): tf.Scalar {
  return tf.tidy(() => {
    const probe = tf.addN(finiteProbes(Object.values(gradients)));
    return tf.where(tf.logicalNot(tf.isNaN(probe)), weight, 0) as tf.Scalar;
  });
}
