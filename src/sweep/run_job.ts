import type { MonitorOptions } from "../callbacks/support/monitor.ts";
import { loadCheckpoint, saveCheckpoint } from "../io/checkpoint_file.ts";
import type { Job, JobRecord, Verdict } from "./job_record.ts";
import { Trial } from "./trial.ts";

/**
 * Trains once with the parameters of a trial.
 *
 * @returns What is minimised or maximised: the value itself, or what `train()` returned. Nothing
 *   where the last report is meant.
 */
// deno-lint-ignore no-explicit-any -- the parameters are known only where a space is
export type Objective<Parameters = any> = (
  trial: Trial<Parameters>,
) => ObjectiveResult | Promise<ObjectiveResult>;

/** What an objective may return. */
export type ObjectiveResult =
  | number
  | { readonly metrics: Readonly<Record<string, number>> }
  | void;

/** What every worker of a sweep knows. */
export interface Work {
  readonly objective: Objective;
  readonly monitor: Required<Pick<MonitorOptions, "monitor" | "mode">>;
  /** Where checkpoints are kept. */
  readonly folder: string;
  /** Who works. */
  readonly worker: string;
}

/** A value of a running trial. */
export interface Report {
  readonly epochs: number;
  readonly value: number;
  /** Whether the trial goes on only if it is among the best. */
  readonly atRung: boolean;
}

/** Does a job; an objective that throws is an answer, too. */
export async function runJob(
  job: Job,
  { objective, monitor, folder, worker }: Work,
  judge: (report: Report) => Promise<Verdict>,
): Promise<JobRecord> {
  const path = `${folder}/checkpoints/trial-${job.trial}.safetensors`;
  let over = false;
  const trial = new Trial(job, monitor, {
    // What an objective left running must not be taken for the next trial.
    judge: (report) => over ? Promise.resolve("stop") : judge(report),
    save: async (checkpoint) => {
      await Deno.mkdir(`${folder}/checkpoints`, { recursive: true });
      await saveCheckpoint(path, checkpoint);
    },
    load: async () => await exists(path) ? await loadCheckpoint(path) : undefined,
  });
  const began = performance.now();
  const outcome = await attempt(trial, objective, monitor.monitor);
  over = true;
  if (outcome.status !== "paused") await Deno.remove(path).catch(() => {});
  const { trial: number, segment, parameters } = job;
  return {
    trial: number,
    segment,
    parameters,
    ...outcome,
    value: finite(outcome.value),
    reports: trial.reports.map(([epochs, value]) => [epochs, finite(value)]),
    seconds: Math.round(performance.now() - began) / 1000,
    worker,
  };
}

type Outcome = Pick<JobRecord, "status" | "error"> & { value: number | undefined };

async function attempt(trial: Trial, objective: Objective, monitor: string): Promise<Outcome> {
  const last = () => trial.reports.at(-1)?.[1];
  try {
    const result = await objective(trial);
    if (trial.verdict === "pause") return { status: "paused", value: last() };
    if (trial.verdict === "stop") return { status: "stopped", value: last() };
    const value = typeof result === "object" ? result?.metrics?.[monitor] : result ?? last();
    if (typeof value === "number") return { status: "completed", value };
    throw new TypeError(
      `Cannot compare trials as an objective must return a number, return a result with ` +
        `"${monitor}", or report: it did none of these`,
    );
  } catch (error) {
    return { status: "failed", value: last(), error: Deno.inspect(error) };
  }
}

function finite(value: number | undefined): number | null {
  return Number.isFinite(value) ? value! : null;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
