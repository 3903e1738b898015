import { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "../errors.ts";
import { type HookName, stateName, type WorkName } from "./hooks.ts";

/** The place that a run has reached, in plain JSON: the state of the machine, and the work left. */
export interface PumpState {
  /** The snapshot of the machine. */
  readonly snapshot: unknown;
  /** Queued work. */
  readonly queue: readonly WorkName[];
  /** The after hook that is running, if any. */
  readonly hook?: {
    readonly name: HookName;
    /** Number of its listeners, the last ones, that were not called yet. */
    readonly left: number;
    /** The values that the others threw. */
    readonly thrown: readonly ThrownState[];
  };
  /** Why the training was cancelled. */
  readonly reason?: string;
}

/** A value that a listener threw, in plain JSON. */
export interface ThrownState {
  /** The phase that it cancels; absent if it is an error. */
  readonly cancels?: Cancellation["cancels"];
  /** The message. */
  readonly message: string;
}

/** Turns a thrown value into JSON. */
export function storeThrown(error: unknown): ThrownState {
  return {
    ...error instanceof Cancellation && { cancels: error.cancels },
    message: error instanceof Error ? error.message : String(error),
  };
}

/** Turns JSON back into a thrown value. */
export function restoreThrown({ cancels, message }: ThrownState): Error {
  if (cancels === "batch") return new CancelBatch(message);
  if (cancels === "epoch") return new CancelEpoch(message);
  return cancels ? new CancelTrain(message) : new Error(message);
}

/** Releases the hold of a stored snapshot: a paused run that is resumed continues. */
export function releasedSnapshot(snapshot: unknown): never {
  const { context, ...rest } = snapshot as { context: object };
  return { ...rest, context: { ...context, hold: false } } as never;
}

/**
 * Returns the state of a training that has ended as one from which more epochs can be trained: before
 * its next epoch. A training that was cancelled, or has not ended, stays as it is.
 */
export function reopenTraining(state: PumpState): PumpState {
  const snapshot = state.snapshot as { value: unknown; context: { cancelled: readonly string[] } };
  const { value, context } = snapshot;
  const isOver = /^(train\.done|trainEnd|test|testEnd)\b/.test(stateName(value));
  if (!isOver || context.cancelled.includes("train")) return state;
  return { snapshot: { ...snapshot, value: { train: "next" } }, queue: [] };
}
