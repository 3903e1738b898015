/**
 * The end of a run. A run that failed has no result: its promise rejects with the error.
 *
 * @category Learner
 */
export interface TrainResult {
  /** Whether the run went to its end. */
  readonly status: "completed" | "cancelled";
  /** Why the run was cancelled, if a reason was given. */
  readonly reason?: string;
  /** Number of epochs that went to their end. */
  readonly epochs: number;
  /** Mean loss of the last epoch; NaN if there was none. */
  readonly trainLoss: number;
  /** Mean loss of the last validation; NaN if there was none. */
  readonly validationLoss: number;
  /** Mean loss of the test; NaN if there was none. */
  readonly testLoss: number;
  /** The newest value of each metric, by name: `"test.accuracy"`. */
  readonly metrics: Readonly<Record<string, number>>;
}
