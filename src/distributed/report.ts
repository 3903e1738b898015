import { CancelBatch, CancelEpoch, type Cancellation, CancelTrain } from "../errors.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { Phase } from "../chart/hooks.ts";

/** What cuts short what, by its strength. */
export const CANCELS = { none: 0, batch: 1, pass: 2, train: 3 } as const;

/** What a Learner may be doing. */
export const PHASES: readonly Phase[] = ["idle", "train", "validate", "test", "predict"];

/** Where a process is in its run, and what it knows that the others do not. */
export interface Report {
  /** Counts the passes over loaders. */
  readonly pass: number;
  /** Counts the meetings of a pass, in the order in which they take place. */
  readonly step: number;
  /** Which of the {@linkcode PHASES} it is in. */
  readonly phase: number;
  /** What has been cut short here. */
  readonly cancel: number;
  /** What was asked for from outside, the strongest of it. */
  readonly request: number;
  /** How many examples the gradients are the mean of. */
  readonly examples: number;
  /** How many numbers the gradients have. */
  readonly elements: number;
}

/** As numbers, to be sent. */
export function encodeReport(
  { pass, step, phase, cancel, request, examples, elements }: Report,
) {
  return Float64Array.of(pass, step, phase, cancel, request, examples, elements);
}

/** Those of all processes; field by field, since a batch has several meetings. */
export function decodeReports(values: Float64Array): Report[] {
  const reports: Report[] = [];
  for (let at = 0; at < values.length;) {
    reports.push({
      pass: values[at++],
      step: values[at++],
      phase: values[at++],
      cancel: values[at++],
      request: values[at++],
      examples: values[at++],
      elements: values[at++],
    });
  }
  return reports;
}

/** Whether a process is further on than another. */
export function isAhead(a: Report, b: Report): boolean {
  return a.pass !== b.pass ? a.pass > b.pass : a.step > b.step;
}

/** What has been cut short, the largest of it. */
export function cancelOf({ cancelled, phase }: AnyLearner): number {
  if (cancelled.has("train")) return CANCELS.train;
  const pass = phase === "train" ? "epoch" : phase;
  if (cancelled.has(pass as "epoch")) return CANCELS.pass;
  return cancelled.has("batch") ? CANCELS.batch : CANCELS.none;
}

/** What is to be thrown for it. */
export function cancellationOf(cancel: number, reason: string): Cancellation {
  if (cancel === CANCELS.train) return new CancelTrain(reason);
  return cancel === CANCELS.pass ? new CancelEpoch(reason) : new CancelBatch(reason);
}
