import type { Pool } from "./pool.ts";
import { keyOf, lostJob } from "./job_record.ts";
import { WorkerDeath, WorkerProcess, type WorkerStart } from "./worker_process.ts";

/** How many processes do the jobs, and how. */
export interface ProcessPoolOptions {
  /** How many at a time, >= 1. */
  readonly workers: number;
  /** How often a job is begun whose worker dies. */
  readonly attempts: number;
  /** Tells how to start a worker, by its number, 0-based. */
  start(index: number): WorkerStart;
}

/** Does jobs in processes on this machine. */
export function processPool({ workers, attempts, start }: ProcessPoolOptions): Pool {
  return async (events) => {
    const tries = new Map<string, number>();
    const taken = new Set<string>();
    const alive = new Set<WorkerProcess>();
    let over = false;
    let changed = Promise.withResolvers<void>();

    /** One process, or one after another, as long as there is something to do. */
    async function lane(index: number): Promise<void> {
      let worker: WorkerProcess | undefined;
      while (!over && !events.done()) {
        const job = events.jobs().find((job) => !taken.has(keyOf(job)));
        if (!job) {
          await changed.promise;
          continue;
        }
        const key = keyOf(job);
        taken.add(key);
        if (!worker) {
          worker = new WorkerProcess(start(index));
          alive.add(worker);
          await worker.ready();
        }
        try {
          await events.ended(await worker.run(job, (report) => events.reported(job, report)));
        } catch (error) {
          if (!(error instanceof WorkerDeath)) throw error;
          worker = undefined;
          const count = (tries.get(key) ?? 0) + 1;
          tries.set(key, count);
          if (count < attempts) taken.delete(key);
          else await events.ended(lostJob(job, `at attempt ${count}, ${error.message}`));
        }
        changed.resolve();
        changed = Promise.withResolvers();
      }
    }

    const lanes = Array.from({ length: workers }, (_, index) => lane(index));
    try {
      await Promise.all(lanes);
    } finally {
      over = true;
      await Promise.all([...alive].map((worker) => worker.close()));
      changed.resolve();
      await Promise.allSettled(lanes);
    }
  };
}
