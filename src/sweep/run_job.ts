import { inspect } from "node:util";
import { fileSystem } from "../host/files.ts";
import type { MonitorOptions } from "../callbacks/support/monitor.ts";
import { loadCheckpoint, saveCheckpoint } from "../io/checkpoint_file.ts";
import type { JobRecord, TrialJob, Verdict } from "./job_record.ts";
import { Trial } from "./trial.ts";

/**
 * Trains once with the parameters of a trial.
 *
 * @returns The value to minimise or maximise: a number, or the result of `train()`. Without a return
 *   value, the last report counts.
 *
 * @category Sweeps
 */
// deno-lint-ignore no-explicit-any -- the parameters are known only where a space is
export type Objective<Parameters = any> = (
  trial: Trial<Parameters>,
) => ObjectiveResult | Promise<ObjectiveResult>;

/**
 * The possible return values of an objective.
 *
 * @category Sweeps
 */
export type ObjectiveResult =
  | number
  | { readonly metrics: Readonly<Record<string, number>> }
  | void;

/** The data that every worker of a sweep has. */
export interface Work {
  /** Trains once. */
  readonly objective: Objective;
  /** The metric to compare, and the better direction. */
  readonly monitor: Required<Pick<MonitorOptions, "monitor" | "mode">>;
  /** The folder of the checkpoints. */
  readonly folder: string;
  /** Name of the worker: host and process. */
  readonly worker: string;
}

/** A value of a running trial. */
export interface TrialReport {
  /** Epochs until now. */
  readonly epochs: number;
  /** The monitored value. */
  readonly value: number;
  /** Whether the trial continues only if it is among the best. */
  readonly atRung: boolean;
}

/** Does a job. An objective that throws gives a record with the status `failed`. */
export async function runJob(
  job: TrialJob,
  { objective, monitor, folder, worker }: Work,
  judge: (report: TrialReport) => Promise<Verdict>,
): Promise<JobRecord> {
  const path = `${folder}/checkpoints/trial-${job.trial}.safetensors`;
  let over = false;
  const trial = new Trial(job, monitor, {
    // Work that an objective left running does not report to the next trial.
    judge: (report) => over ? Promise.resolve("stop") : judge(report),
    save: async (checkpoint) => {
      await fileSystem.mkdir(`${folder}/checkpoints`, { recursive: true });
      await saveCheckpoint(path, checkpoint);
    },
    load: async () => await exists(path) ? await loadCheckpoint(path) : undefined,
  });
  const began = performance.now();
  const end = await attempt(trial, objective, monitor.monitor);
  over = true;
  if (end.status !== "paused") await fileSystem.unlink(path).catch(() => {});
  const { trial: number, segment, parameters } = job;
  return {
    trial: number,
    segment,
    parameters,
    ...end,
    value: finite(end.value),
    reports: trial.reports.map(([epochs, value]) => [epochs, finite(value)]),
    seconds: Math.round(performance.now() - began) / 1000,
    worker,
  };
}

type TrialEnd = Pick<JobRecord, "status" | "error"> & { value: number | undefined };

async function attempt(trial: Trial, objective: Objective, monitor: string): Promise<TrialEnd> {
  const last = () => trial.reports.at(-1)?.[1];
  try {
    const result = await objective(trial);
    if (trial.verdict === "pause") return { status: "paused", value: last() };
    if (trial.verdict === "stop") return { status: "stopped", value: last() };
    const value = typeof result === "object" ? result?.metrics?.[monitor] : result ?? last();
    if (typeof value === "number") return { status: "completed", value };
    throw new TypeError(
      "Cannot compare trials as an objective must return a number, return a result with " +
        `"${monitor}", or report: it did none of these`,
    );
  } catch (error) {
    return { status: "failed", value: last(), error: inspect(error) };
  }
}

function finite(value: number | undefined): number | null {
  return Number.isFinite(value) ? value! : null;
}

async function exists(path: string): Promise<boolean> {
  return await fileSystem.stat(path).then(() => true, () => false);
}
