import { WorkerProcess, type WorkerStart } from "./worker_process.ts";

/** Which workers are started on this machine. */
export interface CrewOptions {
  /** How many, >= 0. */
  readonly workers: number;
  /** Tells how to start a worker, by its number, 0-based. */
  start(index: number): WorkerStart;
}

/** How long to wait before a worker is replaced that has died, ms. */
const PAUSE = 1000;

/** Workers on this machine that find their jobs by themselves; who dies is replaced. */
export class Crew {
  /** Why there can be no workers, if so. */
  failure: unknown;
  readonly #options: CrewOptions;
  readonly #alive = new Set<WorkerProcess>();
  #over = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Starts all. */
  begin(): void {
    for (let index = 0; index < this.#options.workers; index++) {
      void this.#keep(index).catch((error) => this.failure ??= error);
    }
  }

  /** Ends all. */
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
