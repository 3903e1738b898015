import type { JobRecord, TrialJob, Verdict } from "./job_record.ts";
import { runJob, type TrialReport, type Work } from "./run_job.ts";

/** The questions and events of a pool, which the driver of the sweep handles. */
export interface PoolEvents {
  /** A job has ended; the pool asks for the open jobs afterwards. */
  ended(record: JobRecord): Promise<void>;
  /** A running trial reports a value. */
  reported(job: TrialJob, report: TrialReport): Verdict;
  /**
   * The jobs that can be done now, the most urgent first, without those that have ended.
   *
   * @param open The number of jobs that may be open at a time: more are not given if the parameters
   *   of a job depend on the results of others.
   */
  jobs(open: number): TrialJob[];
  /** Whether all jobs have ended. */
  done(): boolean;
}

/**
 * Does jobs until all have ended: in this process, in others, or on other machines. The pool keeps
 * track of the jobs in progress, and begins a job again when its worker dies.
 */
export type Pool = (events: PoolEvents) => Promise<void>;

/** Does one job after another in this process. */
export function inProcessPool(work: Work): Pool {
  return async ({ ended, reported, jobs, done }) => {
    while (!done()) {
      const [job] = jobs(1);
      await ended(await runJob(job, work, (report) => Promise.resolve(reported(job, report))));
    }
  };
}
