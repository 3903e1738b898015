/**
 * The records of a run.
 *
 * @module
 */
import * as field from "../checks/fields.ts";

/**
 * The record of one batch of training.
 *
 * @category Plots
 */
export interface BatchRecord {
  /** Index of the batch among all training batches of the run, 0-based. */
  step: number;
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** Loss of this batch. */
  loss: number;
  /** Learning rate of this batch, per step. */
  learningRate: number;
  /** Time since the run began, in s. */
  seconds: number;
}

/**
 * The record of one epoch.
 *
 * @category Plots
 */
export interface EpochRecord {
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** Everything that was measured in the epoch, by name: `"train.loss"`, `"validation.accuracy"`. */
  metrics: Record<string, number>;
  /** Learning rate at the end of the epoch, per step. */
  learningRate: number;
  /** Duration of the epoch with its validation, in s. */
  seconds: number;
}

/**
 * The record of a validation within an epoch.
 *
 * @category Plots
 */
export interface ValidationRecord {
  /** Number of training batches before it, since the training began. */
  step: number;
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** The metrics of the validation, by full name: `"validation.accuracy"`. */
  metrics: Record<string, number>;
  /** Time since the training began, in s. */
  seconds: number;
}

/**
 * A run, as plain JSON.
 *
 * @category Plots
 */
export interface History {
  /** Batches, evenly thinned out; each is exact. */
  batches: BatchRecord[];
  /** All epochs. */
  epochs: EpochRecord[];
  /** Validations within epochs, if there are any. */
  validations?: ValidationRecord[];
  /** Metrics of the test, by name. */
  test: Record<string, number>;
}

/** Accepts the record of an epoch in a checkpoint. */
export const epochRecord: field.FieldCheck = field.record({
  epoch: field.integer({ min: 0 }),
  metrics: field.recordOf(field.measurement),
  learningRate: field.measurement,
  seconds: field.measurement,
});
