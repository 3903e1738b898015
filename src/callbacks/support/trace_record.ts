import type { HookName, TaskName } from "../../chart/hooks.ts";
import type { RunSnapshot } from "../../learner/run_actor.ts";

/**
 * A hook of a callback or a task of the Learner, as it was run.
 *
 * @category Callbacks
 */
export interface TraceRecord {
  /** When it began: µs since the trace did. */
  readonly time: number;
  /** 0-based. */
  readonly epoch: number;
  /** 0-based; -1 before the first of a pass. */
  readonly batch: number;
  /** That the machine was in: `"train.epoch.batch.compute"`. */
  readonly state: string;
  /** The hook or task. */
  readonly work: HookName | TaskName;
  /** Whose hook it was; none for a task, which is the Learner's own. */
  readonly callback?: string;
  /** How long it took, also where it threw. */
  readonly microseconds: number;
}

/** A hook or task, with the state as the machine has it. */
export interface TracedWork extends Omit<TraceRecord, "state"> {
  readonly value: unknown;
}

/** A step of the machine. */
export interface TracedStep {
  /** µs since the trace began. */
  readonly time: number;
  /** What the machine was told; nothing where the trace begins. */
  readonly event: { readonly type: string } | null;
  /** The state that it was in then. */
  readonly value: unknown;
  /** What it remembered then. */
  readonly context: RunSnapshot["context"];
}
