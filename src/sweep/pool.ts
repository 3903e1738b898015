import type { Job, JobRecord, Verdict } from "./job_record.ts";
import type { Report } from "./run_job.ts";

/** What a driver is told. */
export interface PoolEvents {
  /** A piece of a trial has ended. The jobs that can be done by now are asked for afterwards. */
  ended(record: JobRecord): Promise<void>;
  /** A running trial reports. */
  reported(job: Job, report: Report): Verdict;
  /** What can be done by now, the most urgent first, without what has ended. */
  jobs(): Job[];
  /** Whether there is nothing more to do. */
  done(): boolean;
}

/**
 * Does jobs until all is done: in this process, in others, or on other machines. What is under way
 * is the pool's own to know, and to begin again when a worker dies.
 */
export type Pool = (events: PoolEvents) => Promise<void>;
