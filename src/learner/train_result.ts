/** How a run ended. A run that failed has no result: it rejects with what was thrown. */
export interface TrainResult {
  /** Whether it went to its end. */
  readonly status: "completed" | "cancelled";
  /** What it was cancelled for, if whoever did it said so. */
  readonly reason?: string;
  /** How many epochs went to their end. */
  readonly epochs: number;
  /** Mean loss of the last epoch; NaN if there was none. */
  readonly trainLoss: number;
  /** Mean loss of the last validation; NaN if there was none. */
  readonly validationLoss: number;
  /** Mean loss of the test; NaN if there was none. */
  readonly testLoss: number;
  /** The last of everything that was measured, by name: `"test.accuracy"`. */
  readonly metrics: Readonly<Record<string, number>>;
}
