import * as field from "../checks/fields.ts";
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

/** Whether a value from a server, which may be foreign, is a job. */
export function isTrialJob(value: unknown): value is TrialJob {
  return CHECK_JOB(value, "") === undefined;
}

/** Returns the first problem of a value that is meant to be a record; `undefined` if it is one. */
export function problemOfRecord(value: unknown): string | undefined {
  const problem = CHECK_RECORD(value, "it");
  return problem &&
    `${problem.path.replace("it.", "")} ${problem.required}, it is ${problem.actual}`;
}

const COUNT = field.integer({ min: 0 });
const VALUE = field.nullable(field.number());
const PARAMETERS = field.recordOf(
  field.that("must be a number, a text, true, false or null", (value) => {
    return value === null || ["number", "string", "boolean"].includes(typeof value);
  }),
);

const CHECK_JOB = field.record({
  trial: COUNT,
  segment: COUNT,
  parameters: PARAMETERS,
  seed: field.integer(),
  epochs: COUNT,
  rungs: field.list(COUNT),
});

const CHECK_RECORD = field.record({
  trial: COUNT,
  segment: COUNT,
  parameters: PARAMETERS,
  status: field.oneOf(["completed", "paused", "stopped", "failed"]),
  value: VALUE,
  reports: field.list(field.tuple(COUNT, VALUE)),
  error: field.optional(field.text),
  seconds: field.number({ min: 0 }),
  worker: field.text,
});
