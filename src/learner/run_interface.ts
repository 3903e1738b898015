/**
 * A run as its caller sees it: options, actor, result, and the inspector that observes it.
 *
 * @module
 */
import { isThenable } from "../checks/check_options.ts";
import type { Cancellable } from "../chart/hooks.ts";
import type { Loader } from "../data/loader.ts";
import type { tf } from "../deps/tfjs.ts";

/**
 * The loaders of a Learner; any may be missing.
 *
 * @category Learner
 */
export interface Dataloaders<Data = tf.Tensor, Labels = tf.Tensor> {
  /** Training batches. */
  train?: Loader<Data, Labels>;
  /** Batches that are evaluated after an epoch. */
  validation?: Loader<Data, Labels>;
  /** Batches that are evaluated at the end. */
  test?: Loader<Data, Labels>;
}

/**
 * Options of every run.
 *
 * @category Learner
 */
export interface RunOptions {
  /** Cancels the run on abort. */
  signal?: AbortSignal;
  /** Observes the actor: an XState inspection observer, or a function of inspection events. */
  // deno-lint-ignore no-explicit-any -- XState's types stay out of our signatures
  inspect?: ((event: any) => void) | { next?: (event: any) => void };
}

/**
 * The end of a run. A run that failed has no result: its promise rejects with the error.
 *
 * @category Learner
 */
export interface TrainResult {
  /** Whether the run went to its end. */
  readonly status: "completed" | "cancelled";
  /** Why the run was cancelled, if a reason was given. */
  readonly reason?: string;
  /** Number of epochs that went to their end. */
  readonly epochs: number;
  /** Mean loss of the last epoch; NaN if there was none. */
  readonly trainLoss: number;
  /** Mean loss of the last validation; NaN if there was none. */
  readonly validationLoss: number;
  /** Mean loss of the test; NaN if there was none. */
  readonly testLoss: number;
  /** The newest value of each metric, by name: `"test.accuracy"`. */
  readonly metrics: Readonly<Record<string, number>>;
}

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
