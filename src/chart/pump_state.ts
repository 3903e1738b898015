import { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "../errors.ts";
import type { HookName, WorkName } from "./hooks.ts";

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
