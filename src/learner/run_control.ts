import type { Job } from "../chart/chart.ts";
import type { Outcome } from "../chart/pump.ts";
import type { Loader } from "../data/loader.ts";
import { loadCheckpoint } from "../io/checkpoint_file.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import { rankState, restoreCheckpoint } from "./checkpoint.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { RunOptions } from "./options.ts";
import { Run, type RunState } from "./run.ts";
import type { RunEvent } from "./run_actor.ts";

/** What a run starts from, beside its options. */
export interface RunInput {
  /** The input of a prediction. */
  readonly input?: Loader;
  /** Where a prediction puts its outputs. */
  readonly outputs?: unknown[];
  /** The place that a training continues from. */
  readonly from?: RunState;
}

/**
 * Starts and steers the runs of one Learner, one at a time:
 *
 * ```text
 * prepare ──> find a checkpoint ──> restore it ──> start ──> … ──> dispose
 * ```
 */
export class RunControl {
  readonly #learner: AnyFields;
  #run: Run | undefined;
  #busy = false;

  /** @param learner The fields that the runs work on. */
  constructor(learner: AnyFields) {
    this.#learner = learner;
  }

  /** The run in progress, or the last one. */
  get run(): Run | undefined {
    return this.#run;
  }

  /** The run in progress. */
  get active(): Run | undefined {
    return this.#busy ? this.#run : undefined;
  }

  /**
   * Checks that no run is in progress.
   *
   * @throws {Error} If one is.
   */
  checkIdle(job: Job): void {
    if (!this.#busy) return;
    const { phase } = this.#learner;
    const current = phase === "idle" ? "it is about to begin" : `current phase is "${phase}"`;
    throw new Error(
      `Cannot ${job}: a run of this Learner is in progress (${current}). ` +
        (job === "predict"
          ? "Wait for it, or apply learner.model in a hook."
          : 'Wait for it, or cancel it with learner.cancel("train").'),
    );
  }

  /** Runs `prepare` of all callbacks; returns a promise only where one has it. */
  prepare(): void | Promise<void> {
    const { callbacks } = this.#learner;
    if (!callbacks.some((callback) => callback.prepare)) return;
    return this.#exclusively(async () => {
      for (const callback of [...callbacks]) await callback.prepare?.(this.#learner);
    });
  }

  /** Asks the callbacks, in their order, for the checkpoint that a training resumes. */
  find(): undefined | Promise<RunCheckpoint | undefined> {
    const callbacks = this.#learner.callbacks.filter((callback) => callback.resumeFrom);
    if (callbacks.length === 0) return;
    return this.#exclusively(async () => {
      for (const callback of callbacks.toSorted(byPriority)) {
        const found = await callback.resumeFrom!();
        if (found) return found;
      }
    });
  }

  /**
   * Restores all of a checkpoint but the run itself.
   *
   * @returns The place that the run had reached.
   * @throws {StorageError} If the checkpoint is damaged, or of another Learner.
   */
  restore(from: RunCheckpoint | string | URL): Promise<RunState> {
    return this.#exclusively(async () => {
      const isFile = typeof from === "string" || from instanceof URL;
      return await restoreCheckpoint(this.#learner, isFile ? await loadCheckpoint(from) : from);
    });
  }

  /** Runs from the first to the last state of the machine. */
  async start(job: Job, { signal, inspect }: RunOptions, input: RunInput = {}): Promise<Outcome> {
    const { from, ...prediction } = input;
    const learner = this.#learner;
    const options = { job, inspect: inspect as never, ...prediction, from: from?.pump };
    const run = new Run(learner, options);
    this.#run = run;
    this.#busy = true;
    learner.peers?.attach(() => rankState(learner, run));
    const abort = () => void this.request({ type: "cancel.train" }, reasonOf(signal!));
    try {
      if (from) await run.restore(from);
      run.pump.start(job);
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      const outcome = await run.pump.run();
      if (outcome.status === "failed") throw outcome.error;
      return outcome;
    } finally {
      signal?.removeEventListener("abort", abort);
      try {
        await run.dispose();
      } finally {
        this.#busy = false;
        learner.phase = "idle";
      }
    }
  }

  /** Sends an event to the run in progress; `false` if it does not accept it. */
  request(event: { type: RunEvent }, reason?: string): boolean {
    if (!this.can(event)) return false;
    const { callbacks } = this.#learner;
    if (callbacks.some((callback) => callback.postpone?.(event.type, reason))) return true;
    return this.#run!.pump.request(event, reason);
  }

  /** Whether the run in progress accepts an event now. */
  can(event: { type: RunEvent }): boolean {
    return this.active?.pump.can(event) === true;
  }

  /** Keeps other runs out while one is being prepared. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }
}

function byPriority(a: AnyCallback, b: AnyCallback): number {
  return (a.priority ?? 0) - (b.priority ?? 0);
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}
