import type { RunKind } from "../chart/chart.ts";
import type { RunOutcome } from "../chart/pump.ts";
import type { Loader } from "../data/loader.ts";
import { loadCheckpoint, type RunCheckpoint } from "../io/checkpoint_file.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import { CompiledSteps } from "./compiled_steps.ts";
import { checkMatch } from "./check_match.ts";
import { rankState, restoreCheckpoint } from "./checkpoint.ts";
import type { AnyFields } from "./learner_fields.ts";
import { isolateInspector, type RunEvent, type RunOptions } from "./run_interface.ts";
import type { PredictOptions } from "./predict.ts";
import { Run, type RunState } from "./run.ts";

/** The input of a run, beside its options. */
export interface RunInput {
  /** The input of a prediction. */
  readonly input?: Loader;
  /** Where a prediction puts its outputs. */
  readonly outputs?: unknown[];
  /** The form of the outputs. */
  readonly form?: PredictOptions["as"];
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
  /** The steps of all runs. */
  readonly steps = new CompiledSteps();
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
  checkIdle(kind: RunKind): void {
    if (!this.#busy) return;
    const { phase } = this.#learner;
    const current = phase === "idle" ? "it is about to begin" : `current phase is "${phase}"`;
    throw new Error(
      `Cannot ${kind}: a run of this Learner is in progress (${current}). ` +
        (kind === "predict"
          ? "Wait for it, or apply learner.model in a hook."
          : 'Wait for it, or cancel it with learner.cancel("train").'),
    );
  }

  /**
   * Keeps other runs out from the preparation of a run to its end. The work begins at once, so that
   * a run can be steered as soon as it is started.
   *
   * @param callbacks Callbacks of this run only, which are added meanwhile.
   * @param work Prepares, starts and ends the run.
   */
  async exclusively<T>(callbacks: readonly AnyCallback[], work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    this.#learner.callbacks.push(...callbacks);
    try {
      return await work();
    } finally {
      const { callbacks: all } = this.#learner;
      for (const callback of callbacks) {
        const index = all.lastIndexOf(callback);
        if (index >= 0) all.splice(index, 1);
      }
      this.#busy = false;
    }
  }

  /** Runs `prepare` of all callbacks; returns a promise only where one has it. */
  prepare(): void | Promise<void> {
    const { callbacks } = this.#learner;
    if (!callbacks.some((callback) => callback.prepare)) return;
    return (async () => {
      for (const callback of [...callbacks]) await callback.prepare?.(this.#learner);
    })();
  }

  /** Asks the callbacks, in their order, for the checkpoint that a training resumes. */
  find(): undefined | Promise<RunCheckpoint | undefined> {
    const callbacks = this.#learner.callbacks.filter((callback) => callback.resumeFrom);
    if (callbacks.length === 0) return;
    return (async () => {
      for (const callback of callbacks.toSorted(byPriority)) {
        const found = await callback.resumeFrom!((checkpoint) =>
          checkMatch(this.#learner, checkpoint)
        );
        if (found) return found;
      }
    })();
  }

  /**
   * Restores all of a checkpoint but the run itself.
   *
   * @returns The place that the run had reached.
   * @throws {StorageError} If the checkpoint is damaged, or of another Learner.
   */
  async restore(from: RunCheckpoint | string | URL): Promise<RunState> {
    const isFile = typeof from === "string" || from instanceof URL;
    return await restoreCheckpoint(this.#learner, isFile ? await loadCheckpoint(from) : from);
  }

  /** Runs from the first to the last state of the machine. */
  async start(
    kind: RunKind,
    { signal, inspect }: RunOptions,
    input: RunInput = {},
  ): Promise<RunOutcome> {
    const { from, ...prediction } = input;
    const learner = this.#learner;
    const options = {
      kind,
      steps: this.steps,
      inspect: isolateInspector(inspect) as never,
      ...prediction,
      from: from?.pump,
    };
    const run = new Run(learner, options);
    this.#run = run;
    learner.peers?.attach(() => rankState(learner, run));
    const abort = () => void this.request({ type: "cancel.train" }, reasonOf(signal!));
    try {
      if (from) await run.restore(from);
      run.pump.start(kind);
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
}

function byPriority(a: AnyCallback, b: AnyCallback): number {
  return (a.priority ?? 0) - (b.priority ?? 0);
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}
