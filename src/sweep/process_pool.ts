import type { Pool } from "./in_process_pool.ts";
import { keyOf, lostJob } from "./job_record.ts";
import { WorkerDeath, WorkerProcess, type WorkerStart } from "./worker_process.ts";

/** Options of {@linkcode processPool}. */
export interface ProcessPoolOptions {
  /** Number of processes, >= 1. */
  readonly workers: number;
  /** Number of times that a job is begun if its workers die. */
  readonly attempts: number;
  /** Returns how to start the worker with a number, 0-based. */
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

    /** Keeps one process busy until all jobs have ended; a process that dies is replaced. */
    async function lane(index: number): Promise<void> {
      let worker: WorkerProcess | undefined;
      while (!over && !events.done()) {
        const job = events.jobs(workers).find((job) => !taken.has(keyOf(job)));
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
