import type { AnyParameters } from "./dimension.ts";

/** A segment of a trial for a worker: from the start, or from the rung where the trial paused. */
export interface TrialJob {
  /** Number of the trial, 0-based. */
  readonly trial: number;
  /** Number of the segment within the trial, 0-based. */
  readonly segment: number;
  /** The parameters of the trial. */
  readonly parameters: AnyParameters;
  /** Seed of the random draws of the trial. */
  readonly seed: number;
  /** Epochs of a trial that runs to its end. */
  readonly epochs: number;
  /** The coming epochs after which the trial is compared with others, ascending. */
  readonly rungs: readonly number[];
}

/** The result of a {@linkcode TrialJob}: a line of the journal. */
export interface JobRecord {
  /** Number of the trial, 0-based. */
  readonly trial: number;
  /** Number of the segment within the trial, 0-based. */
  readonly segment: number;
  /** The parameters of the trial. */
  readonly parameters: AnyParameters;
  /** Whether the trial ran to its end, waits at a rung, was stopped there, or threw. */
  readonly status: "completed" | "paused" | "stopped" | "failed";
  /** The monitored value at the end; `null` if it is not finite, or missing. */
  readonly value: number | null;
  /** The reported values, each with the number of epochs until then. */
  readonly reports: readonly (readonly [epochs: number, value: number | null])[];
  /** The error with its stack, as text. */
  readonly error?: string;
  /** Duration, in seconds. */
  readonly seconds: number;
  /** The worker: host and process. */
  readonly worker: string;
}

/**
 * The order that a running trial gets after a report.
 *
 * @category Sweeps
 */
export type Verdict = "continue" | "pause" | "stop";

/** The key of a job within its sweep. */
export function keyOf({ trial, segment }: Pick<TrialJob, "trial" | "segment">): string {
  return `${trial}.${segment}`;
}

/** The record of a job whose workers have all died. */
export function lostJob(job: TrialJob, error: string): JobRecord {
  const { trial, segment, parameters } = job;
  const nothing = { value: null, reports: [], seconds: 0, worker: "" };
  return { trial, segment, parameters, status: "failed", ...nothing, error };
}

/** Whether a value, such as a line of a journal that may be foreign, is a job. */
export function isTrialJob(value: unknown): value is TrialJob {
  const { trial, segment, parameters, seed, epochs, rungs } = (value ?? {}) as TrialJob;
  return isIndex(trial) && isIndex(segment) && isObject(parameters) && Number.isSafeInteger(seed) &&
    isIndex(epochs) && Array.isArray(rungs) && rungs.every(isIndex);
}

/** Whether a value, such as a line of a journal that may be foreign, is the record of a job. */
export function isJobRecord(value: unknown): value is JobRecord {
  const {
    trial,
    segment,
    parameters,
    status,
    value: result,
    reports,
    error = "",
    seconds,
    worker,
  } = (value ?? {}) as JobRecord;
  return isIndex(trial) && isIndex(segment) && isObject(parameters) && STATUSES.includes(status) &&
    isResult(result) && Array.isArray(reports) && reports.every(isReport) &&
    typeof error === "string" && Number.isFinite(seconds) && typeof worker === "string";
}

const STATUSES: readonly unknown[] = ["completed", "paused", "stopped", "failed"];

function isIndex(value: unknown): boolean {
  return Number.isSafeInteger(value) && value as number >= 0;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isResult(value: unknown): boolean {
  return value === null || Number.isFinite(value);
}

function isReport(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && isIndex(value[0]) && isResult(value[1]);
}
