/**
 * The statechart of a run. Pure data: it names the work of a run and never does it.
 *
 * A *gate* is a state without work of its own. In it the exit hooks of the state before are run,
 * before the machine decides where to go next. A state with exit hooks is only entered from a gate,
 * and alone. So a cancel in `beforeTrain` never runs `afterEpoch` for an epoch that did not begin.
 *
 * @module
 */
import { assign, setup } from "../deps/xstate.ts";
import { type Cancellable, WORK_NAMES, type WorkName } from "./hooks.ts";

/**
 * The memory of the machine: small plain JSON, so that snapshots and inspectors stay light.
 *
 * @category Statechart
 */
export interface ChartContext {
  /** Index of the current epoch, 0-based. */
  epoch: number;
  /** Number of epochs of this training. */
  epochs: number;
  /** Number of batches begun in the current pass. */
  batch: number;
  /** Whether the run stops before its next batch. */
  hold: boolean;
  /** Phases that were cut short since they were last entered. */
  cancelled: readonly Cancellable[];
  /** The message of the error that ended the run. */
  error: string | null;
}

/**
 * The facts that the guards need, copied off the Learner into each `next`.
 *
 * @category Statechart
 */
export interface Facts {
  /** Index of the current epoch, 0-based. */
  epoch: number;
  /** Number of epochs of this training. */
  epochs: number;
  /** Number of batches begun in the current pass. */
  batch: number;
  /** Whether the loader had another batch. */
  loaded: boolean;
  /** Whether another objective is due in the current batch. */
  nextObjective: boolean;
  /** Whether a validation is due after the batch that has ended. */
  validateBatch: boolean;
  /** Whether a validation is due after the epoch that has ended. */
  validate: boolean;
  /** Whether there is a test loader. */
  test: boolean;
}

/**
 * The kinds of runs.
 *
 * @category Statechart
 */
export type RunKind = "train" | "validate" | "test" | "predict";

/**
 * Every event that the machine accepts.
 *
 * @category Statechart
 */
export type ChartEvent =
  | { type: RunKind }
  | { type: "next" } & Facts
  | { type: "cancel.batch" | "cancel.epoch" | "cancel.train" }
  | { type: "pause" | "resume" | "step" }
  | { type: "restore" }
  | { type: "fail"; message: string };

/** The arguments of guards and actions. */
interface GuardArguments {
  readonly context: ChartContext;
  readonly event: ChartEvent;
}

/** Only a pump queues work: without one, the machine can be walked and nothing happens. */
const work = Object.fromEntries(WORK_NAMES.map((name) => [name, () => {}])) as unknown as Record<
  WorkName,
  () => void
>;

/** The context once a phase has begun. */
function begun({ context, event }: GuardArguments, phase: Cancellable): ChartContext {
  return {
    ...context,
    epoch: event.type === "next" ? event.epoch : context.epoch,
    epochs: event.type === "next" ? event.epochs : context.epochs,
    batch: phase === "batch" ? context.batch + 1 : 0,
    cancelled: context.cancelled.filter((other) => other !== phase),
  };
}

/** The context once a batch has begun. */
export function enterBatch(facts: GuardArguments): ChartContext {
  return begun(facts, "batch");
}

const chart = setup({
  types: { context: {} as ChartContext, events: {} as ChartEvent },
  guards: {
    hasMoreEpochs: ({ event }) => event.type === "next" && event.epoch < event.epochs,
    loaderExhausted: ({ event }) => event.type === "next" && !event.loaded,
    hasNextObjective: ({ event }) => event.type === "next" && event.nextObjective,
    batchValidationDue: ({ event }) => event.type === "next" && event.validateBatch,
    validationDue: ({ event }) => event.type === "next" && event.validate,
    testDue: ({ event }) => event.type === "next" && event.test,
    trainCancelled: ({ context }) => context.cancelled.includes("train"),
    epochCutShort: ({ context: { cancelled } }) =>
      cancelled.includes("train") && cancelled.includes("epoch"),
    isHeld: ({ context }) => context.hold,
    isRunning: ({ context }) => !context.hold,
  },
  actions: {
    ...work,
    drop: () => {},
    hold: assign({ hold: true }),
    release: assign({ hold: false }),
    begin: assign((facts, { phase }: { phase: Cancellable }) => begun(facts, phase)),
    mark: assign({
      cancelled: ({ context }, { phases }: { phases: readonly Cancellable[] }) => [
        ...new Set([...context.cancelled, ...phases]),
      ],
    }),
    recount: assign({
      batch: ({ context, event }) => event.type === "next" ? event.batch : context.batch,
    }),
    record: assign({ error: ({ event }) => event.type === "fail" ? event.message : null }),
  },
});

const begin = (phase: Cancellable) => ({ type: "begin", params: { phase } }) as const;
const mark = (...phases: Cancellable[]) => ({ type: "mark", params: { phases } }) as const;

type StateConfig = ReturnType<typeof chart.createStateConfig>;

/** The differences between passes over a loader. */
interface Pass {
  /** Name of the pass among all states. */
  id: string;
  /** The phase that `cancel.epoch` cuts short in this pass. */
  phase: Exclude<Cancellable, "batch" | "train">;
  before: WorkName[];
  after: WorkName[];
  onCancel: WorkName[];
  beforeBatch: WorkName[];
  afterBatch: WorkName[];
  /** The work on each batch: states that follow one another. */
  batch: Record<string, WorkName[]>;
  /** The next state at the end of the pass, and after the training is cancelled in it. */
  onDone: string;
  onCancelTrain: string;
  /** The epoch around the pass, which a cancel of the training cuts short, too. */
  within?: "epoch";
  /** The pass that may follow any batch. */
  inner?: StateConfig;
}

/**
 * One pass over a loader: an epoch, a validation, a test or a prediction.
 *
 * ```text
 * next (gate) ──> batch ──> next …     next [loaderExhausted] ──> done
 *      └─[isHeld]──> held ──> batch      cancel.epoch ──> cancelled ──> done
 *
 * batch ─[batchValidationDue]──> batchEnd (gate) ──> validate ──> validated (gate) ──> next
 * ```
 */
function pass(is: Pass): StateConfig {
  const steps = Object.keys(is.batch);
  const outer = is.within ? [is.within] : [];
  const toNextBatch = [
    ...is.inner ? [{ guard: "batchValidationDue", target: `#${is.id}.batchEnd` } as const] : [],
    { target: `#${is.id}.next` },
  ];
  const afterStep = (index: number) =>
    index + 1 < steps.length ? steps[index + 1] : [
      {
        guard: "hasNextObjective",
        target: steps[0],
        actions: "nextObjective",
        reenter: true,
      } as const,
      ...toNextBatch,
    ];
  return chart.createStateConfig({
    id: is.id,
    entry: [begin(is.phase), ...is.before],
    exit: [is.within ? "closeInner" : "closeLoader", ...is.after],
    initial: "next",
    onDone: is.onDone,
    on: {
      "cancel.epoch": { target: ".cancelled", actions: ["drop", mark(is.phase)] },
      "cancel.train": {
        target: is.onCancelTrain,
        actions: ["drop", "release", mark(is.phase, ...outer, "train")],
      },
    },
    states: {
      next: {
        entry: "fetch",
        on: {
          next: [
            { guard: "loaderExhausted", target: "done" },
            { guard: "isHeld", target: "held" },
            { target: "batch" },
          ],
        },
      },
      held: {
        tags: "paused",
        on: {
          resume: { target: "batch", actions: "release" },
          step: "batch",
          // Accepted only in a run that is resumed from a pause: a run that was paused here is held.
          restore: { guard: "isRunning", target: "next" },
        },
      },
      batch: {
        entry: [begin("batch"), ...is.beforeBatch],
        exit: [...is.afterBatch, "disposeBatch"],
        initial: steps[0],
        on: {
          "cancel.batch": { target: ".cancelled", actions: ["drop", mark("batch")] },
          "cancel.epoch": {
            target: `#${is.id}.cancelled`,
            actions: ["drop", mark("batch", is.phase)],
          },
          "cancel.train": {
            target: is.onCancelTrain,
            actions: ["drop", "release", mark("batch", is.phase, ...outer, "train")],
          },
        },
        states: {
          ...Object.fromEntries(steps.map((step, index) => [step, {
            entry: is.batch[step],
            on: { next: afterStep(index) },
          }])),
          cancelled: {
            entry: "onCancelBatch",
            on: { "cancel.batch": {}, next: toNextBatch },
          },
        },
      },
      ...is.inner && {
        batchEnd: { on: { next: "validate" } },
        validate: is.inner,
        // The after hooks of the validation do not cancel the epoch around it.
        validated: {
          on: {
            "cancel.epoch": {},
            "cancel.train": {
              target: "#learner.train.validated",
              actions: ["drop", "release", mark(is.phase, "train")],
            },
            next: { target: "next", actions: "recount" },
          },
        },
      },
      cancelled: {
        entry: is.onCancel,
        on: { "cancel.epoch": {}, next: "done" },
      },
      done: { type: "final" },
    },
  });
}

const VALIDATION = {
  phase: "validate",
  before: ["beforeValidate", "openValidation"],
  after: ["afterValidate"],
  onCancel: ["onCancelValidate"],
  beforeBatch: ["beforeValidationBatch"],
  afterBatch: ["afterValidationBatch"],
  batch: { evaluate: ["evaluate"] },
} satisfies Partial<Pass>;

/** A cancel in the after hooks of the end cuts nothing short, but is the outcome and its reason. */
const LATE_CANCEL = { "cancel.train": { actions: ["drop", mark("train")] } } as const;

/** A finished epoch counts, also if the training is cancelled at its end. */
const NEXT_EPOCH = [
  { guard: "epochCutShort", target: "next" },
  { target: "next", actions: "advance" },
] as const;

const makeMachine = () =>
  chart.createMachine({
    id: "learner",
    context: { epoch: 0, epochs: 0, batch: 0, hold: false, cancelled: [], error: null },
    initial: "idle",
    on: {
      pause: { guard: "isRunning", actions: "hold" },
      step: { actions: "hold" },
      resume: { guard: "isHeld", actions: "release" },
      fail: { target: ".failing", actions: ["drop", "record"] },
    },
    states: {
      idle: {
        on: { train: "train", validate: "validate", test: "test", predict: "predict" },
      },

      train: {
        entry: "beforeTrain",
        exit: "afterTrain",
        initial: "next",
        onDone: "trainEnd",
        on: { "cancel.train": { actions: ["drop", "release", mark("train")] } },
        states: {
          next: {
            on: {
              next: [
                { guard: "trainCancelled", target: "cancelled" },
                { guard: "hasMoreEpochs", target: "epoch" },
                { target: "done" },
              ],
            },
          },
          epoch: pass({
            id: "epoch",
            phase: "epoch",
            before: ["beforeEpoch", "openTrain"],
            after: ["afterEpoch"],
            onCancel: ["onCancelEpoch"],
            beforeBatch: ["beforeBatch"],
            afterBatch: ["afterBatch"],
            batch: {
              compute: ["compute", "afterBackward"],
              update: ["beforeStep", "step", "afterStep"],
            },
            onDone: "epochEnd",
            onCancelTrain: "#learner.train.epochEnd",
            inner: pass({
              ...VALIDATION,
              id: "validateWithinEpoch",
              onDone: "validated",
              onCancelTrain: "#learner.train.validated",
              within: "epoch",
            }),
          }),
          epochEnd: {
            on: {
              next: [
                { guard: "validationDue", target: "validate" },
                ...NEXT_EPOCH,
              ],
            },
          },
          validate: pass({
            ...VALIDATION,
            id: "validate",
            onDone: "validated",
            onCancelTrain: "#learner.train.validated",
          }),
          validated: { on: { next: NEXT_EPOCH } },
          cancelled: {
            entry: "onCancelTrain",
            on: { "cancel.train": {}, next: "done" },
          },
          done: { type: "final" },
        },
      },

      trainEnd: {
        on: {
          ...LATE_CANCEL,
          next: [{ guard: "testDue", target: "test" }, { target: "testEnd" }],
        },
      },

      validate: pass({
        ...VALIDATION,
        id: "validateOnly",
        onDone: "testEnd",
        onCancelTrain: "#learner.testEnd",
      }),

      test: pass({
        id: "test",
        phase: "test",
        before: ["beforeTest", "openTest"],
        after: ["afterTest"],
        onCancel: ["onCancelTest"],
        beforeBatch: ["beforeTestBatch"],
        afterBatch: ["afterTestBatch"],
        batch: { evaluate: ["evaluate"] },
        onDone: "testEnd",
        onCancelTrain: "#learner.testEnd",
      }),

      predict: pass({
        id: "predict",
        phase: "predict",
        before: ["openPredict"],
        after: [],
        onCancel: [],
        beforeBatch: [],
        afterBatch: [],
        batch: { predict: ["predict"] },
        onDone: "testEnd",
        onCancelTrain: "#learner.testEnd",
      }),

      testEnd: {
        on: {
          ...LATE_CANCEL,
          next: [{ guard: "trainCancelled", target: "cancelled" }, { target: "completed" }],
        },
      },

      failing: {
        entry: "onError",
        on: { fail: {}, next: "failed" },
      },
      completed: { type: "final" },
      cancelled: { type: "final" },
      failed: { type: "final" },
    },
  });

/** The machine that every run of a Learner follows. */
export type LearnerMachine = ReturnType<typeof makeMachine>;

let made: LearnerMachine | undefined;

/**
 * Returns the machine that every run of a Learner follows. It is made at the first call, because that
 * takes as long as the import of XState, and a program may run no Learner.
 */
export function learnerMachine(): LearnerMachine {
  return made ??= makeMachine();
}
