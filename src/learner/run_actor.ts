/**
 * The actor of a run, as others see it, and the inspector that observes it.
 *
 * @module
 */
import type { Cancellable } from "../chart/hooks.ts";
import { isThenable } from "../chart/event_loop.ts";
import type { RunOptions } from "./options.ts";

/**
 * The events that steer a run from outside.
 *
 * @category Learner
 */
export type RunEvent =
  | "pause"
  | "resume"
  | "step"
  | "cancel.batch"
  | "cancel.epoch"
  | "cancel.train";

/** The names of all events that steer a run. */
export const RUN_EVENTS: RunEvent[] = [
  "pause",
  "resume",
  "step",
  "cancel.batch",
  "cancel.epoch",
  "cancel.train",
];

/**
 * The place that a run has reached: plain JSON, and three questions.
 *
 * @category Learner
 */
export interface RunSnapshot {
  /** The active states, nested. */
  readonly value: unknown;
  /** The memory of the machine. */
  readonly context: {
    readonly epoch: number;
    readonly epochs: number;
    readonly batch: number;
    readonly hold: boolean;
    readonly cancelled: readonly Cancellable[];
    readonly error: string | null;
  };
  /** Whether the run is in progress. */
  readonly status: "active" | "done" | "error" | "stopped";
  /** Whether the machine accepts an event now. */
  can(event: { type: RunEvent }): boolean;
  /** Whether a state is active: `"test"`, `{ train: "epoch" }`. */
  matches(value: unknown): boolean;
  /** Whether an active state has a tag. The state of a paused run has the tag `"paused"`. */
  hasTag(tag: string): boolean;
}

/**
 * The public part of the XState actor of a run.
 *
 * @category Learner
 */
export interface RunActor {
  /** Returns the place that the run has reached. */
  getSnapshot(): RunSnapshot;
  /** Steers the run. */
  send(event: { type: RunEvent }): void;
  /** Calls an observer after every change. */
  subscribe(
    observer: ((snapshot: RunSnapshot) => void) | {
      next?: (snapshot: RunSnapshot) => void;
      error?: (error: unknown) => void;
      complete?: () => void;
    },
  ): { unsubscribe(): void };
}

/**
 * Isolates a run from its inspector: XState calls it in the middle of a transition, where an error
 * would end the actor without any after hook. The first error is a warning, and the last call.
 */
export function isolateInspector(
  inspect: RunOptions["inspect"],
): ((event: unknown) => void) | undefined {
  if (!inspect) return undefined;
  let failed = false;
  const fail = (error: unknown) => {
    if (failed) return;
    failed = true;
    console.warn("The inspector failed, the run continues without it:", error);
  };
  return (event) => {
    if (failed) return;
    try {
      const result: unknown = typeof inspect === "function"
        ? inspect(event)
        : inspect.next?.(event);
      if (isThenable(result)) Promise.resolve(result).catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}
