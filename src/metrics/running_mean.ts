/**
 * Means over a pass, on the device, or at once where the program reads its memory.
 *
 * @module
 */
import * as field from "../checks/fields.ts";
import type { Peers } from "../data/loader.ts";
import { tf } from "../deps/tfjs.ts";
import { hostTensorOf } from "../io/host_tensor.ts";
import { memoryOf } from "../tensors/tensor_memory.ts";

/** Number of values that are folded at once: one kernel for all of them, instead of two for each. */
const FOLD = 64;

/** The state of a {@linkcode RunningMean}. */
export interface RunningMeanState {
  /** The weight of each pending value. */
  readonly weight: number;
  /** The weight of all values whose weights are numbers. */
  readonly total: number;
  /** The weight of all values whose weights are tensors. */
  readonly totalOnDevice?: tf.Tensor;
  /** The weighted sum of the values that are folded. */
  readonly sum?: tf.Tensor;
  /** Values that are not folded yet. */
  readonly pending: readonly tf.Tensor[];
  /** The weighted sum of the values that were read at once. Default: 0. */
  readonly readSum?: number;
}

const scalar = hostTensorOf([]);

/** Accepts the state of a {@linkcode RunningMean} in a checkpoint. */
export const runningMean: field.FieldCheck = field.all(
  field.record({
    weight: field.number({ min: 0 }),
    total: field.number({ min: 0 }),
    totalOnDevice: field.optional(scalar),
    sum: field.optional(scalar),
    pending: field.list(scalar),
    readSum: field.optional(field.that("must be a number", (value) => typeof value === "number")),
  }),
  field.that("must have values if their total weight is not 0", (value) => {
    const { total, sum, pending, readSum } = value as RunningMeanState;
    return total === 0 || sum !== undefined || pending.length > 0 || readSum !== undefined;
  }),
);

/**
 * The weighted mean of scalars. On the WebAssembly backend, whose memory the program reads, they are summed
 * at once, in double precision; elsewhere they are accumulated on the device, and nothing is read back before
 * {@linkcode RunningMean.read}.
 */
export class RunningMean {
  #pending: tf.Tensor[] = [];
  #weight = 0;
  #sum: tf.Tensor | undefined;
  #total = 0;
  #totalOnDevice: tf.Tensor | undefined;
  #readSum: number | undefined;

  /**
   * Adds a value.
   *
   * @param value A scalar, which this object now owns.
   * @param weight Its weight, such as the size of its batch; a tensor is now this object's.
   */
  add(value: tf.Tensor, weight: number | tf.Tensor): void {
    // Runs on the cpu backend keep the bits that they have in older checkpoints.
    const numbers = tf.getBackend() === "cpu" ? undefined : memoryOf(value);
    const factor = typeof weight === "number" ? weight : numbers && memoryOf(weight)![0];
    if (numbers && factor !== undefined) {
      this.#readSum = (this.#readSum ?? 0) + numbers[0] * factor;
      this.#total += factor;
      value.dispose();
      if (typeof weight !== "number") weight.dispose();
      return;
    }
    if (typeof weight !== "number") return this.#addOnDevice(value, weight);
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
    const [sum, onDevice] = await Promise.all([
      this.#sumOnDevice(),
      read(this.#totalOnDevice?.clone()),
    ]);
    const totals = Float64Array.of(sum + (this.#readSum ?? 0), this.#total + onDevice);
    peers?.sum(totals);
    return totals[0] / totals[1];
  }

  #sumOnDevice(): Promise<number> {
    return read(this.#pending.length > 0 ? this.#folded() : this.#sum?.clone());
  }

  #addOnDevice(value: tf.Tensor, weight: tf.Tensor): void {
    this.#fold();
    const before = [this.#sum, this.#totalOnDevice];
    [this.#sum, this.#totalOnDevice] = tf.tidy(() => {
      const weighted = value.mul(weight);
      const [sum, total] = before;
      return [sum ? weighted.add(sum) : weighted, total ? weight.add(total) : weight.clone()];
    });
    tf.dispose([value, weight, ...before.filter((tensor) => tensor !== undefined)]);
  }

  /** The values so far, for a checkpoint; the tensors stay with this object. */
  state(): RunningMeanState {
    return {
      weight: this.#weight,
      total: this.#total,
      ...this.#totalOnDevice && { totalOnDevice: this.#totalOnDevice },
      sum: this.#sum,
      pending: [...this.#pending],
      ...this.#readSum !== undefined && { readSum: this.#readSum },
    };
  }

  /** Continues from a state, whose tensors this object now owns. */
  restore(state: RunningMeanState): void {
    const { weight, total, totalOnDevice, sum, pending, readSum } = state;
    this.reset();
    this.#totalOnDevice = totalOnDevice;
    this.#weight = weight;
    this.#total = total;
    this.#sum = sum;
    this.#pending = [...pending];
    this.#readSum = readSum;
  }

  /** Forgets all values. */
  reset(): void {
    tf.dispose(this.#pending);
    this.#sum?.dispose();
    this.#totalOnDevice?.dispose();
    this.#pending = [];
    this.#sum = this.#totalOnDevice = this.#readSum = undefined;
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

/** Reads a number and disposes it: a copy, as further values may replace the original meanwhile. */
async function read(copy: tf.Tensor | undefined): Promise<number> {
  if (!copy) return 0;
  try {
    return (await copy.data())[0];
  } finally {
    copy.dispose();
  }
}

/** The state of {@linkcode PassLosses}. */
export interface PassLossesState {
  /** The mean loss of a Learner without objectives. */
  readonly mean: RunningMeanState;
  /** The mean loss of each objective. */
  readonly objectiveMeans?: Readonly<Record<string, RunningMeanState>>;
}

/** The mean losses of a pass. */
interface PassLoss {
  /** The mean loss; with objectives, the sum of their means. */
  readonly loss: number;
  /** The mean loss of each objective. */
  readonly objectives: Readonly<Record<string, number>>;
}

/** Accumulates the losses of a pass, each objective by itself, on the device. */
export class PassLosses {
  readonly #mean = new RunningMean();
  readonly #objectives = new Map<string, RunningMean>();

  /** Adds the loss of a batch, with its weight; tensors now belong to this object. */
  add(objective: string | undefined, loss: tf.Tensor, weight: number | tf.Tensor): void {
    this.#of(objective).add(loss, weight);
  }

  /** Reads the means off the device. */
  async read(peers?: Peers): Promise<PassLoss> {
    if (this.#objectives.size === 0) {
      return { loss: await this.#mean.read(peers), objectives: {} };
    }
    const objectives: Record<string, number> = {};
    for (const [name, mean] of this.#objectives) objectives[name] = await mean.read(peers);
    return { loss: Object.values(objectives).reduce((a, b) => a + b), objectives };
  }

  /** Returns the state; the tensors stay with this. */
  state(): PassLossesState {
    const objectives = [...this.#objectives].map(([name, mean]) => [name, mean.state()]);
    return {
      mean: this.#mean.state(),
      ...objectives.length > 0 && { objectiveMeans: Object.fromEntries(objectives) },
    };
  }

  /** Takes back a state, whose tensors this now owns. */
  restore({ mean, objectiveMeans = {} }: PassLossesState): void {
    this.#mean.restore(mean);
    for (const [name, state] of Object.entries(objectiveMeans)) this.#of(name).restore(state);
  }

  /** Disposes everything. */
  dispose(): void {
    this.#mean.reset();
    for (const mean of this.#objectives.values()) mean.reset();
  }

  #of(objective: string | undefined): RunningMean {
    if (objective === undefined) return this.#mean;
    let mean = this.#objectives.get(objective);
    if (!mean) this.#objectives.set(objective, mean = new RunningMean());
    return mean;
  }
}
