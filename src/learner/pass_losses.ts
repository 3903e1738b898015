import type { tf } from "../deps/tfjs.ts";
import type { Peers } from "../data/shard.ts";
import { RunningMean, type RunningMeanState } from "../metrics/running_mean.ts";

/** The state of {@linkcode PassLosses}. */
export interface PassLossesState {
  /** The mean loss of a Learner without objectives. */
  readonly mean: RunningMeanState;
  /** The mean loss of each objective. */
  readonly objectiveMeans?: Readonly<Record<string, RunningMeanState>>;
}

/** The mean losses of a pass. */
export interface PassLoss {
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
