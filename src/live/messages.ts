import type { Phase } from "../chart/hooks.ts";
import type { StepState } from "../learner/compiled_step.ts";
import type { RunEvent } from "../learner/run_interface.ts";

/** The state of a run: sent whenever it has changed, at most 20 times a second. */
export interface LiveState {
  readonly type: "state";
  /** Number of the run. A new number means that all curves start again. */
  readonly run: number;
  /** Paths of the active states: `"learner.train.epoch"`. */
  readonly active: readonly string[];
  /**
   * Share of the time since the last message that each path was active, in (0, 1]. Empty if the run
   * is paused or has ended, or is not yet measured.
   */
  readonly shares: Readonly<Record<string, number>>;
  /** Events that the machine accepts; unless the run is paused, at any time since the last message. */
  readonly accepts: readonly RunEvent[];
  /** `"pausing"`: the run will pause at the end of the current batch. */
  readonly status: "waiting" | "running" | "pausing" | "paused" | RunEnd;
  /** Why the run was cancelled, or failed. */
  readonly reason?: string;
  readonly phase: Phase;
  /** Index of the current epoch, 0-based. */
  readonly epoch: number;
  readonly epochs: number;
  /** The way in which the last step was taken, and why; `null` before the first. */
  readonly step: StepState | null;
  /** Number of batches of the pass that have begun. */
  readonly batch: number;
  /** Number of batches of the pass, where it is known. */
  readonly batches: number | null;
  /** Progress of the run, in [0, 1]. */
  readonly progress: number | null;
  /** Mean loss of the pass so far. */
  readonly loss: number | null;
  /** The newest value of each metric, by name. */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly learningRate: number | null;
  readonly examplesPerSecond: number;
  /** Time since the run began, without pauses. */
  readonly seconds: number;
  readonly secondsLeft: number | null;
  readonly memory: LiveMemory;
  readonly viewers: number;
}

/** The end of a run. */
export type RunEnd = "completed" | "cancelled" | "failed";

/** Memory in use. */
export interface LiveMemory {
  readonly tensors: number;
  /** Size of the tensors. */
  readonly bytes: number;
  /** Size of the JavaScript heap, in bytes; `null` where the platform does not say. */
  readonly heap: number | null;
}

/** The three curves: a point per batch, per epoch, per validation. */
export type SeriesName = "batches" | "epochs" | "validations";

/** A point of a curve. */
export interface LivePoint {
  /** Number of training batches that had begun. */
  readonly step: number;
  /** The measured values, by name; `null`: not a finite number. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** New points of a curve. */
export interface LivePoints {
  readonly type: "points";
  readonly series: SeriesName;
  /** Whether these points replace all that were sent before. */
  readonly reset: boolean;
  /** One in this many points is kept. */
  readonly stride: number;
  /** Number of points that were measured. */
  readonly total: number;
  readonly points: readonly LivePoint[];
}

/** Time per hook of each callback, and per task of the Learner. */
export interface LiveWork {
  readonly type: "work";
  /** Measured time, in s. */
  readonly seconds: number;
  /** The most expensive first. */
  readonly work: readonly { owner: string; work: string; calls: number; seconds: number }[];
}

/** New lines of the log. */
export interface LiveLog {
  readonly type: "log";
  readonly lines: readonly { readonly time: number; readonly text: string }[];
}

/** A command was refused. */
export interface LiveRefusal {
  readonly type: "refused";
  readonly reason: string;
}

/** The first message of a connection: all that was shown before is void. */
export interface LiveGreeting {
  readonly type: "hello";
  readonly title: string;
}

/** A message to a viewer. */
export type LiveMessage =
  | LiveGreeting
  | LiveState
  | LivePoints
  | LiveWork
  | LiveLog
  | LiveRefusal;

/** A command of a viewer. */
export type LiveCommand =
  | { readonly type: RunEvent }
  | { readonly type: "learningRate"; readonly value: number };
