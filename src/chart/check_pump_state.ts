/**
 * Checks the state of a pump. Apart from the pump, which needs no TensorFlow.js: a page about the
 * machine runs it.
 *
 * @module
 */
import * as field from "../checks/fields.ts";
import { type ChartContext, learnerMachine } from "./chart.ts";
import {
  type Cancellable,
  HOOK_NAMES,
  isFinally,
  stateName,
  WORK_NAMES,
  type WorkName,
} from "./hooks.ts";
import type { PumpState } from "./pump_state.ts";

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

const context: Record<keyof ChartContext, field.FieldCheck> = {
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
    context: field.record(context),
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
