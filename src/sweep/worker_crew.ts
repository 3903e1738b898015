import { WorkerProcess, type WorkerStart } from "./worker_process.ts";

/** Options of {@linkcode WorkerCrew}. */
export interface WorkerCrewOptions {
  /** Number of workers, >= 0. */
  readonly workers: number;
  /** Returns how to start the worker with a number, 0-based. */
  start(index: number): WorkerStart;
}

/** Pause before a worker that has died is replaced, in ms. */
const PAUSE = 1000;

/** Workers on this machine that find their jobs by themselves; a worker that dies is replaced. */
export class WorkerCrew {
  /** The error if workers cannot be started. */
  failure: unknown;
  readonly #options: WorkerCrewOptions;
  readonly #alive = new Set<WorkerProcess>();
  #over = false;

  constructor(options: WorkerCrewOptions) {
    this.#options = options;
  }

  /** Starts all workers. */
  begin(): void {
    for (let index = 0; index < this.#options.workers; index++) {
      void this.#keep(index).catch((error) => this.failure ??= error);
    }
  }

  /** Ends all workers. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#alive].map((worker) => worker.close()));
  }

  async #keep(index: number): Promise<void> {
    while (!this.#over) {
      const worker = new WorkerProcess(this.#options.start(index));
      this.#alive.add(worker);
      await worker.ready();
      await worker.exited;
      this.#alive.delete(worker);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
