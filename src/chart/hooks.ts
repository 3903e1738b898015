/**
 * The hooks, in the order in which they run: the one list that the chart, the pump, the callbacks
 * and the documentation share.
 *
 * ```text
 * train ─────────────────────────────────────────────────────────────────────────────────────────
 *   beforeTrain
 *   │ epoch ── beforeEpoch
 *   │ │ batch ── beforeBatch
 *   │ │ │   predict ─ afterPredict* ─ loss ─ afterLoss* ─ gradients ─ afterBackward
 *   │ │ │   beforeStep ─ update ─ afterStep          (cut short: onCancelBatch)
 *   │ │ └─ afterBatch
 *   │ └─ (cut short: onCancelEpoch) ── afterEpoch
 *   │ validate, when due ── beforeValidate
 *   │ │ batch ── beforeValidationBatch
 *   │ │ │   predict ─ afterPredict* ─ loss ─ afterLoss*     (cut short: onCancelBatch)
 *   │ │ └─ afterValidationBatch
 *   │ └─ (cut short: onCancelValidate) ── afterValidate
 *   └─ (cut short: onCancelTrain) ── afterTrain
 * test ── beforeTest, beforeTestBatch, …, afterTestBatch, (onCancelTest), afterTest
 * error ── the after hooks of every open phase, innermost first, then onError
 * ```
 *
 * \* synchronous: TensorFlow.js differentiates one synchronous closure.
 *
 * @module
 */

/**
 * The phases of a run, as in `learner.phase`.
 *
 * @category Writing a callback
 */
export type Phase = "idle" | "train" | "validate" | "test" | "predict";

/**
 * The phases that can be cut short, as in `learner.cancelled`.
 *
 * @category Writing a callback
 */
export type Cancellable = "batch" | "epoch" | "validate" | "test" | "predict" | "train";

interface HookTraits {
  /** Runs also after a cancel or an error, every callback of it, even if one throws. */
  readonly finally?: true;
  /** Runs inside the differentiated closure, and so may not return a promise. */
  readonly synchronous?: true;
  /** The value of `learner.phase` from this hook on. */
  readonly phase?: Phase;
}

/**
 * The name of a hook.
 *
 * @category Writing a callback
 */
export type HookName =
  | "beforeTrain"
  | "beforeEpoch"
  | "beforeBatch"
  | "afterPredict"
  | "afterLoss"
  | "afterBackward"
  | "beforeStep"
  | "afterStep"
  | "onCancelBatch"
  | "afterBatch"
  | "onCancelEpoch"
  | "afterEpoch"
  | "beforeValidate"
  | "beforeValidationBatch"
  | "afterValidationBatch"
  | "onCancelValidate"
  | "afterValidate"
  | "onCancelTrain"
  | "afterTrain"
  | "beforeTest"
  | "beforeTestBatch"
  | "afterTestBatch"
  | "onCancelTest"
  | "afterTest"
  | "onError";

/** Every hook and how it runs, in the order in which they run. */
export const HOOKS: Readonly<Record<HookName, HookTraits>> = {
  beforeTrain: { phase: "train" },
  beforeEpoch: { phase: "train" },
  beforeBatch: {},
  afterPredict: { synchronous: true },
  afterLoss: { synchronous: true },
  afterBackward: {},
  beforeStep: {},
  afterStep: {},
  onCancelBatch: { finally: true },
  afterBatch: { finally: true },
  onCancelEpoch: { finally: true },
  afterEpoch: { finally: true },
  beforeValidate: { phase: "validate" },
  beforeValidationBatch: {},
  afterValidationBatch: { finally: true },
  onCancelValidate: { finally: true },
  afterValidate: { finally: true },
  onCancelTrain: { phase: "train", finally: true },
  afterTrain: { phase: "train", finally: true },
  beforeTest: { phase: "test" },
  beforeTestBatch: {},
  afterTestBatch: { finally: true },
  onCancelTest: { finally: true },
  afterTest: { finally: true },
  onError: { finally: true },
};

/**
 * The names of all hooks, in the order in which they run.
 *
 * @category Writing a callback
 */
export const HOOK_NAMES: readonly HookName[] = Object.keys(HOOKS) as HookName[];

/**
 * The name of a piece of the Learner's own work.
 *
 * @category Writing a callback
 */
export type TaskName =
  | "openTrain"
  | "openValidation"
  | "openTest"
  | "openPredict"
  | "fetch"
  | "compute"
  | "step"
  | "nextObjective"
  | "evaluate"
  | "predict"
  | "disposeBatch"
  | "closeLoader"
  | "closeInner"
  | "advance";

/**
 * The Learner's own work. Like an after hook, a task marked `finally` runs also after a cancel or
 * an error: an open loader is closed, a loaded batch is released.
 */
const TASKS = {
  openTrain: {},
  openValidation: {},
  openTest: {},
  openPredict: {},
  fetch: {},
  compute: {},
  step: {},
  nextObjective: {},
  evaluate: {},
  predict: {},
  disposeBatch: { finally: true },
  closeLoader: { finally: true },
  closeInner: { finally: true },
  advance: {},
} as const satisfies Record<TaskName, { readonly finally?: true }>;

/** Anything that the machine queues and the pump performs. */
export type WorkName = Exclude<HookName, "afterPredict" | "afterLoss"> | TaskName;

/** The names of all work, hooks and tasks. */
export const WORK_NAMES: readonly WorkName[] = [
  ...HOOK_NAMES.filter((hook) => !HOOKS[hook].synchronous),
  ...Object.keys(TASKS),
] as WorkName[];

/** Whether work is a task of the Learner, and not a hook. */
export function isTask(work: WorkName): work is TaskName {
  return work in TASKS;
}

/** Whether work is done also after a cancel or an error. */
export function isFinally(work: WorkName): boolean {
  return "finally" in (isTask(work) ? TASKS[work] : HOOKS[work as HookName]);
}

/** Joins the value of a state machine without regions into one name: `"train.epoch.batch"`. */
export function stateName(value: unknown): string {
  if (typeof value === "string") return value;
  const [[name, inner]] = Object.entries(value as object);
  return `${name}.${stateName(inner)}`;
}
