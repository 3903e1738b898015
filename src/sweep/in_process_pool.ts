import type { Pool } from "./pool.ts";
import { runJob, type Work } from "./run_job.ts";

/** Does one job after another in this process. */
export function herePool(work: Work): Pool {
  return async ({ ended, reported, jobs, done }) => {
    while (!done()) {
      const [job] = jobs();
      await ended(await runJob(job, work, (report) => Promise.resolve(reported(job, report))));
    }
  };
}
