import { CancelBatch, CancelEpoch, type Cancellation, CancelTrain } from "../errors.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { Phase } from "../chart/hooks.ts";

/** The phases that a cancel ends, the strongest last. */
export const CANCELS = { none: 0, batch: 1, pass: 2, train: 3 } as const;

/** The phases of a Learner; a report holds an index into them. */
export const PHASES: readonly Phase[] = ["idle", "train", "validate", "test", "predict"];

/** The position of a rank in its run, and what the other ranks need to know. */
export interface RankReport {
  /** Number of the pass over a loader. */
  readonly pass: number;
  /** Number of the meeting within the pass, ascending in time. */
  readonly step: number;
  /** Index into {@linkcode PHASES}. */
  readonly phase: number;
  /** The strongest of {@linkcode CANCELS} that is active on the rank. */
  readonly cancel: number;
  /** The strongest request from outside: pause, step, resume or cancel. */
  readonly request: number;
  /** Weight of the gradients in a mean: examples, or what their loss divides by. */
  readonly weight: number;
  /** Number of examples since gradients were averaged. */
  readonly examples: number;
  /** Number of elements of the gradients. */
  readonly elements: number;
}

/** Encodes a report in numbers, in order to send it. */
export function encodeReport(
  { pass, step, phase, cancel, request, weight, examples, elements }: RankReport,
) {
  return Float64Array.of(pass, step, phase, cancel, request, weight, examples, elements);
}

/** Decodes the reports of all ranks. Field by field, since a batch has several meetings. */
export function decodeReports(values: Float64Array): RankReport[] {
  const reports: RankReport[] = [];
  for (let at = 0; at < values.length;) {
    reports.push({
      pass: values[at++],
      step: values[at++],
      phase: values[at++],
      cancel: values[at++],
      request: values[at++],
      weight: values[at++],
      examples: values[at++],
      elements: values[at++],
    });
  }
  return reports;
}

/** Whether one rank has come further than another. */
export function isAhead(a: RankReport, b: RankReport): boolean {
  return a.pass !== b.pass ? a.pass > b.pass : a.step > b.step;
}

/** The strongest of {@linkcode CANCELS} that is active on a Learner. */
export function cancelOf({ cancelled, phase }: AnyLearner): number {
  if (cancelled.has("train")) return CANCELS.train;
  const pass = phase === "train" ? "epoch" : phase;
  if (cancelled.has(pass as "epoch")) return CANCELS.pass;
  return cancelled.has("batch") ? CANCELS.batch : CANCELS.none;
}

/** The error to throw for one of {@linkcode CANCELS}. */
export function cancellationOf(cancel: number, reason: string): Cancellation {
  if (cancel === CANCELS.train) return new CancelTrain(reason);
  return cancel === CANCELS.pass ? new CancelEpoch(reason) : new CancelBatch(reason);
}
