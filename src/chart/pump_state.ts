import { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "../errors.ts";
import type { HookName, WorkName } from "./hooks.ts";

/** Where a run is, in plain JSON: what the machine remembers, and what is left to do. */
export interface PumpState {
  /** The machine's own. */
  readonly snapshot: unknown;
  /** Work that is queued. */
  readonly queue: readonly WorkName[];
  /** The after hook that is running, if any. */
  readonly hook?: {
    readonly name: HookName;
    /** How many of its listeners, the last ones, were not called yet. */
    readonly left: number;
    /** What those threw. */
    readonly thrown: readonly ThrownState[];
  };
  /** What the training was cancelled for. */
  readonly reason?: string;
}

/** What a listener threw, in plain JSON. */
export interface ThrownState {
  /** What it cancels; nothing, if it is an error. */
  readonly cancels?: Cancellation["cancels"];
  /** Its message. */
  readonly message: string;
}

/** What was thrown, as JSON. */
export function storeThrown(error: unknown): ThrownState {
  return {
    ...error instanceof Cancellation && { cancels: error.cancels },
    message: error instanceof Error ? error.message : String(error),
  };
}

/** What was thrown, out of JSON. */
export function restoreThrown({ cancels, message }: ThrownState): Error {
  if (cancels === "batch") return new CancelBatch(message);
  if (cancels === "epoch") return new CancelEpoch(message);
  return cancels ? new CancelTrain(message) : new Error(message);
}

/** A stored snapshot that waits for nobody: whoever goes on does not want to, where it was paused. */
export function releasedSnapshot(snapshot: unknown): never {
  const { context, ...rest } = snapshot as { context: object };
  return { ...rest, context: { ...context, hold: false } } as never;
}
