import type { HookName, TaskName } from "../../chart/hooks.ts";
import type { StepState } from "../../learner/compiled_step.ts";
import type { RunSnapshot } from "../../learner/run_interface.ts";

/**
 * A call of a hook of a callback, or of a task of the Learner.
 *
 * @category Callbacks
 */
export interface TraceRecord {
  /** When the call began, in µs since the trace did. */
  readonly time: number;
  /** Index of the epoch, 0-based. */
  readonly epoch: number;
  /** Index of the batch, 0-based; -1 before the first of a pass. */
  readonly batch: number;
  /** The state of the machine: `"train.epoch.batch.compute"`. */
  readonly state: string;
  /** The hook or task. */
  readonly work: HookName | TaskName;
  /** The name of the callback; missing for a task, which is the Learner's own. */
  readonly callback?: string;
  /** Duration, also of a call that threw. */
  readonly microseconds: number;
  /** The way in which a step was taken, and why; of the tasks that take one only. */
  readonly step?: StepState;
}

/** A call, with the state in the machine's own form. */
export interface TracedWork extends Omit<TraceRecord, "state"> {
  readonly value: unknown;
}

/** A step of the machine. */
export interface TracedStep {
  /** When it was taken, in µs since the trace began. */
  readonly time: number;
  /** The event; `null` for the first step of a trace. */
  readonly event: { readonly type: string } | null;
  /** The state after it. */
  readonly value: unknown;
  /** The context after it. */
  readonly context: RunSnapshot["context"];
}
