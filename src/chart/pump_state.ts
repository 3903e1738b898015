/**
 * The place that a run has reached, the abort signals of the phases that are open there, and the check
 * of a place that comes from a file.
 *
 * @module
 */
import * as field from "../checks/fields.ts";
import { CancelBatch, CancelEpoch, Cancellation, CancelTrain } from "../errors.ts";
import { type ChartContext, learnerMachine } from "./chart.ts";
import {
  type Cancellable,
  HOOK_NAMES,
  type HookName,
  isFinally,
  stateName,
  WORK_NAMES,
  type WorkName,
} from "./hooks.ts";

/** The phases that can be cut short, from inside to outside. */
const LEVELS = ["batch", "inner", "epoch", "train"] as const;

/**
 * A phase that can be cut short. A validation and a test count as epochs; a validation within an
 * epoch is an inner pass.
 */
export type Level = typeof LEVELS[number];

/**
 * The abort signals of the open phases, each made when it is first asked for.
 *
 * The signal of a batch aborts when the batch, its epoch or the training is cut short, the one of
 * the training only when the training is.
 */
export class Signals {
  readonly #controllers = new Map<Level, AbortController>();
  #reason: unknown;

  /** The signal of the innermost phase that is open in a state of the machine. */
  of(state: unknown): AbortSignal {
    const level = innermost(state);
    let controller = this.#controllers.get(level);
    if (!controller) this.#controllers.set(level, controller = new AbortController());
    return controller.signal;
  }

  /** Aborts the signals of a phase and of all inside it. */
  abort(level: Level, reason: unknown): void {
    this.#reason = reason;
    for (const inner of LEVELS.slice(0, LEVELS.indexOf(level) + 1)) {
      this.#controllers.get(inner)?.abort(reason);
      this.#controllers.delete(inner);
    }
  }

  /** Forgets the signal of a phase that has ended by itself. */
  end(level: Level): void {
    this.#controllers.delete(level);
  }

  /** Whether an error is only the echo of the last abort, thrown by a listener of the signal. */
  echoes(error: unknown): boolean {
    return error === this.#reason;
  }
}

/** The level of the innermost pass in a state of the machine. */
export function passLevel(state: unknown): Exclude<Level, "batch"> {
  const names = stateName(state).split(".").slice(0, -1).filter((name) => name !== "batch");
  if (names[0] === "train") names.shift();
  return names.length > 1 ? "inner" : names.length === 1 ? "epoch" : "train";
}

/** The levels of states, whose values are the same objects in each batch. */
const INNERMOST = new WeakMap<object, Level>();

function innermost(state: unknown): Level {
  const known = INNERMOST.get(state as object);
  if (known) return known;
  const isInBatch = stateName(state).split(".").slice(0, -1).includes("batch");
  const level = isInBatch ? "batch" : passLevel(state);
  if (typeof state === "object" && state !== null) INNERMOST.set(state, level);
  return level;
}

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
interface ThrownState {
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

/** Longest queue of a checkpoint: all work that can be left after one hook, many times over. */
const MAX_QUEUE = 64;

const CANCELLABLE: readonly Cancellable[] = [
  "batch",
  "epoch",
  "validate",
  "test",
  "predict",
  "train",
];

/** The loader of each pass of a training, an inner pass before the pass around it. */
const LOADERS: Readonly<Record<string, "train" | "validation" | "test">> = {
  "train.epoch.validate": "validation",
  "train.epoch": "train",
  "train.validate": "validation",
  test: "test",
};

/** The loader that is still open where a cancelled training has left its pass. */
const LEFT: Readonly<Record<string, "train" | "validation" | "test">> = {
  "train.epochEnd": "train",
  "train.validated": "validation",
  testEnd: "test",
};

const count = field.integer({ min: 0 });

const CONTEXT: Record<keyof ChartContext, field.FieldCheck> = {
  epoch: count,
  // JSON has no Infinity: the snapshot of a training without an end has null.
  epochs: field.nullable(field.number({ min: 0 })),
  batch: count,
  hold: field.flag,
  cancelled: field.list(field.oneOf(CANCELLABLE)),
  error: field.nullable(field.text),
};

/** Work that an after hook leaves in the queue. */
const waiting = WORK_NAMES.filter((work) => isFinally(work) || work === "fetch");

const shape = field.record({
  snapshot: field.record({
    status: field.oneOf(["active"]),
    value: field.that("must be a state from which a training can continue", isResumable),
    historyValue: isEmpty("must be an empty object"),
    children: isEmpty("must be an empty object"),
    context: field.record(CONTEXT),
  }),
  queue: field.all(
    field.list(field.oneOf(waiting)),
    field.that(
      `must have at most ${MAX_QUEUE} elements`,
      (queue) => (queue as unknown[]).length <= MAX_QUEUE,
    ),
  ),
  hook: field.optional(field.record({
    name: field.oneOf(HOOK_NAMES.filter((hook) => isFinally(hook as WorkName))),
    left: count,
    thrown: field.list(field.record({
      cancels: field.optional(field.oneOf(["batch", "epoch", "train"])),
      message: field.text,
    })),
  })),
  reason: field.optional(field.text),
});

/**
 * Checks the state of a pump that was read from a file: the machine must know the state, and be able
 * to continue from it.
 */
export const checkPumpState: field.FieldCheck = (value, path) => {
  const problem = shape(value, path);
  if (problem) return problem;
  const { snapshot, hook } = value as PumpState;
  const isPaused = stateName((snapshot as { value: unknown }).value).endsWith(".held");
  if (hook || isPaused) return;
  return {
    path: `${path}.hook`,
    required: "must be an after hook, because the run was not paused",
    actual: "undefined",
  };
};

/**
 * Returns the loader that a run in a state reads.
 *
 * @param state The state of the pump, which was checked.
 * @returns The loader, if the state is in a pass; the loader of the pass around it, if it is an inner
 *   pass; and whether the pass must be open.
 */
export function loaderOfState(
  state: PumpState,
): { name?: "train" | "validation" | "test"; outer?: "train"; isOpen: boolean } {
  const place = stateName((state.snapshot as { value: unknown }).value);
  if (state.queue.includes("closeInner")) {
    return { name: "validation", outer: "train", isOpen: false };
  }
  const [, inPass] = Object.entries(LOADERS).find(([pass]) => place.startsWith(`${pass}.`)) ?? [];
  const name = inPass ?? (state.queue.includes("closeLoader") ? LEFT[place] : undefined);
  const isOpen = /\.(held|batch\.)/.test(place) || state.queue.includes("fetch");
  const outer = place.startsWith("train.epoch.validate.") ? "train" : undefined;
  return { name, outer, isOpen };
}

function isResumable(value: unknown): boolean {
  try {
    const name = stateName(value);
    const machine = learnerMachine();
    const state = { value, context: machine.config.context } as never;
    const resolved = machine.resolveState(state); // throws if there is no such state
    const { _nodes: nodes } = resolved as unknown as { _nodes: { type: string }[] };
    return JSON.stringify(resolved.value) === JSON.stringify(value) &&
      nodes.every(({ type }) => type !== "final") &&
      !/^(idle|failing|validate|predict)\b/.test(name) &&
      (!name.includes(".batch.") || name.endsWith(".batch.cancelled"));
  } catch {
    return false;
  }
}

function isEmpty(required: string): field.FieldCheck {
  return field.that(
    required,
    (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0,
  );
}
