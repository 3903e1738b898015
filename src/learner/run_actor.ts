import type { Cancellable } from "../chart/hooks.ts";

/** The events that steer a run from outside. */
export type RunEvent =
  | "pause"
  | "resume"
  | "step"
  | "cancel.batch"
  | "cancel.epoch"
  | "cancel.train";

/** All of them. */
export const RUN_EVENTS: RunEvent[] = [
  "pause",
  "resume",
  "step",
  "cancel.batch",
  "cancel.epoch",
  "cancel.train",
];

/** Where a run is: plain JSON, but for the two questions. */
export interface RunSnapshot {
  /** The active states, nested. */
  readonly value: unknown;
  /** What the machine remembers. */
  readonly context: {
    readonly epoch: number;
    readonly epochs: number;
    readonly batch: number;
    readonly hold: boolean;
    readonly cancelled: readonly Cancellable[];
    readonly error: string | null;
  };
  /** Whether the run is under way. */
  readonly status: "active" | "done" | "error" | "stopped";
  /** Whether the machine accepts an event now. */
  can(event: { type: RunEvent }): boolean;
  /** Whether a state is active: `"test"`, `{ train: "epoch" }`. */
  matches(value: unknown): boolean;
  /** Whether an active state has a tag; that in which a run waits has `"paused"`. */
  hasTag(tag: string): boolean;
}

/** The XState actor of a run, as far as it is for others. */
export interface RunActor {
  /** Where the run is. */
  getSnapshot(): RunSnapshot;
  /** Steers the run. */
  send(event: { type: RunEvent }): void;
  /** Hears of every change. */
  subscribe(
    observer: ((snapshot: RunSnapshot) => void) | {
      next?: (snapshot: RunSnapshot) => void;
      error?: (error: unknown) => void;
      complete?: () => void;
    },
  ): { unsubscribe(): void };
}
