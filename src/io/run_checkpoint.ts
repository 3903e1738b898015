import type { ModelStructure } from "../model/model_structure.ts";
import type { HostTensor } from "./host_tensor.ts";

/** The format of checkpoints that this version writes, and the newest that it reads. */
export const CHECKPOINT_FORMAT = 1;

/**
 * The whole of a run's state between two batches: plain JSON and numbers, on no backend, and
 * nothing that could be run.
 */
export interface RunCheckpoint {
  /** The version of what follows. */
  readonly format: number;
  /** When it was taken, as ISO 8601. */
  readonly time: string;
  /** What it was taken with: this package, TensorFlow.js and its backend. */
  readonly versions: Readonly<Record<string, string>>;
  /** The epoch at hand, 0-based. */
  readonly epoch: number;
  /** How many batches of the pass at hand are behind us. */
  readonly batch: number;
  /** Which pass is at hand. */
  readonly phase: string;
  /** Why the run could not go on, if it could not: its checkpoint is not resumed. */
  readonly error: string | null;
  /** The seed of the run, if it has one. */
  readonly seed: number | null;
  /** What the optimizer is. */
  readonly optimizer: string;
  /** What the model is made of. */
  readonly model: ModelStructure;
  /** All the rest, as JSON that refers to tensors. */
  readonly state: unknown;
  /** All numbers: `weights/<name>`, and those that `state` refers to. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}
