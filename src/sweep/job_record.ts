import type { AnyParameters } from "./dimension.ts";

/** A piece of a trial for a worker: from its beginning, or from the rung where it was left. */
export interface Job {
  /** The number of the trial, 0-based. */
  readonly trial: number;
  /** How many pieces of it came before. */
  readonly segment: number;
  /** What is tried. */
  readonly parameters: AnyParameters;
  /** Makes its random draws repeat exactly. */
  readonly seed: number;
  /** The epochs of a trial that goes to its end. */
  readonly epochs: number;
  /** After which epochs a trial is compared with others, ascending, those that are ahead of it. */
  readonly rungs: readonly number[];
}

/** What became of a {@linkcode Job}: a line of the journal. */
export interface JobRecord {
  /** The number of the trial, 0-based. */
  readonly trial: number;
  /** How many pieces of it came before. */
  readonly segment: number;
  /** What was tried. */
  readonly parameters: AnyParameters;
  /** Whether it went to its end, waits at a rung, was stopped there, or threw. */
  readonly status: "completed" | "paused" | "stopped" | "failed";
  /** The monitored value at its end; `null` if it is not finite, or there is none. */
  readonly value: number | null;
  /** The values that were reported, each with the number of epochs until then. */
  readonly reports: readonly (readonly [epochs: number, value: number | null])[];
  /** What was thrown, with its stack. */
  readonly error?: string;
  /** How long it took, seconds. */
  readonly seconds: number;
  /** Who did it. */
  readonly worker: string;
}

/** What a running trial is to do after a report. */
export type Verdict = "continue" | "pause" | "stop";

/** What identifies a job among all of a sweep. */
export function keyOf({ trial, segment }: Pick<Job, "trial" | "segment">): string {
  return `${trial}.${segment}`;
}

/** The record of a job that nobody lived to end. */
export function lostJob(job: Job, error: string): JobRecord {
  const { trial, segment, parameters } = job;
  const nothing = { value: null, reports: [], seconds: 0, worker: "" };
  return { trial, segment, parameters, status: "failed", ...nothing, error };
}
