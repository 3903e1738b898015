import type { Phase } from "../chart/hooks.ts";
import type { RunEvent } from "../learner/run_actor.ts";

/** Where a run is, for a viewer: sent whenever it has changed, at most 20 times a second. */
export interface LiveState {
  readonly type: "state";
  /** Names the run: another one begins a new page. */
  readonly run: number;
  /** The active states, each under the name of its path: `"learner.train.epoch"`. */
  readonly active: readonly string[];
  /** Those that were active at any time since the last message, beside the active ones. */
  readonly visited: readonly string[];
  /** What the machine accepts; of a run that is not paused, at any time since the last message. */
  readonly accepts: readonly RunEvent[];
  /** `"pausing"`: paused from the end of the batch at hand on. */
  readonly status: "waiting" | "running" | "pausing" | "paused" | RunEnd;
  /** Why it was cancelled, or failed. */
  readonly reason?: string;
  readonly phase: Phase;
  /** 0-based. */
  readonly epoch: number;
  readonly epochs: number;
  /** How many batches of the pass were begun. */
  readonly batch: number;
  /** How many the pass has, where that is known. */
  readonly batches: number | null;
  /** How much of the run is behind us, in [0, 1]. */
  readonly progress: number | null;
  /** The mean of the pass so far. */
  readonly loss: number | null;
  /** The newest of everything that is measured, by name. */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly learningRate: number | null;
  readonly examplesPerSecond: number;
  /** Without pauses. */
  readonly seconds: number;
  readonly secondsLeft: number | null;
  readonly memory: LiveMemory;
  readonly viewers: number;
}

/** How a run ended. */
export type RunEnd = "completed" | "cancelled" | "failed";

/** What is in use. */
export interface LiveMemory {
  readonly tensors: number;
  /** Of the tensors. */
  readonly bytes: number;
  /** Of JavaScript, bytes; `null` where nobody tells. */
  readonly heap: number | null;
}

/** The three curves: one value per batch, per epoch, per validation. */
export type SeriesName = "batches" | "epochs" | "validations";

/** A point of a curve. */
export interface LivePoint {
  /** How many batches of training had been begun. */
  readonly step: number;
  /** What was measured, by name; `null`: not a finite number. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** New points of a curve. */
export interface LivePoints {
  readonly type: "points";
  readonly series: SeriesName;
  /** Whether these replace all that were sent before. */
  readonly reset: boolean;
  /** One of so many is kept. */
  readonly stride: number;
  /** How many there were. */
  readonly total: number;
  readonly points: readonly LivePoint[];
}

/** What one hook of one callback, or one task, took. */
export interface LiveWork {
  readonly type: "work";
  /** Since when there is somebody to look, s. */
  readonly seconds: number;
  /** The most expensive first. */
  readonly work: readonly { owner: string; work: string; calls: number; seconds: number }[];
}

/** New lines of the log. */
export interface LiveLog {
  readonly type: "log";
  readonly lines: readonly { readonly time: number; readonly text: string }[];
}

/** What a viewer asked for was not done. */
export interface LiveRefusal {
  readonly type: "refused";
  readonly reason: string;
}

/** What comes first, also after the connection was lost: forget all that was shown. */
export interface LiveGreeting {
  readonly type: "hello";
  readonly title: string;
}

/** Whatever a viewer is told. */
export type LiveMessage =
  | LiveGreeting
  | LiveState
  | LivePoints
  | LiveWork
  | LiveLog
  | LiveRefusal;

/** Whatever a viewer may ask for. */
export type LiveCommand =
  | { readonly type: RunEvent }
  | { readonly type: "learningRate"; readonly value: number };
