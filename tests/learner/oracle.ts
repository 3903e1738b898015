/**
 * The meaning of a run, said a second time and in other words: no chart, no queue, no events, only
 * calls within calls, `try`, `catch` and `finally`. It computes nothing and waits for nothing: what
 * a hook waits for must not make a difference.
 *
 * @module
 */
import { Cancellation, type HookName } from "../../mod.ts";
import type { Heard } from "../fixtures/recorded_hooks.ts";

/** The action of a listener when it is called. */
export interface Deed {
  /** Asks for a cancel, as `learner.cancel()` does, and returns. */
  readonly asks?: "batch" | "epoch" | "train";
  /** Throws. */
  readonly throws?: unknown;
  /** The work before the action: none, or something to wait for. */
  readonly waits?: "not" | "a moment" | "a while";
}

/** The description of a run for the oracle. */
export interface Plan {
  readonly job: "train" | "validate" | "test";
  readonly epochs: number;
  readonly validationEpochs: number;
  /** After how many batches of the training there is a validation; `undefined` for none. */
  readonly validationBatches?: number;
  /** In every how many batches each objective is due. */
  readonly objectives: readonly number[];
  readonly train: number;
  /** `undefined` where there is no such loader. */
  readonly validation?: number;
  readonly test?: number;
  readonly priorities: readonly number[];
  /** The action of a callback at the n-th call of all. */
  deed(callback: number, hook: HookName, call: number): Deed;
}

/** The end of the run. */
export interface Told {
  readonly heard: readonly Heard[];
  readonly status: "completed" | "cancelled" | "failed";
  /** All that went wrong; of a cancel where there was nothing to cancel, that cancel. */
  readonly failures: readonly unknown[];
  readonly epochs: number;
}

type Name = "train" | "epoch" | "batch" | "validate" | "test";
type Level = "batch" | "epoch" | "train";

/** A phase while it is open. */
interface Scope {
  readonly name: Name;
  /** Which cancel is for it. */
  readonly level: Level;
  /** Whether such a cancel has come, so that another one says nothing new. */
  cutShort: boolean;
}

/** Goes through the calls as an exception, up to the phase that it cuts short; or to the top. */
class Unwind {
  constructor(readonly to: Scope | "top") {}
}

/** The rank of a thrown error. */
function strength(thrown: unknown): number {
  if (!(thrown instanceof Cancellation)) return 3;
  return ["batch", "epoch", "train"].indexOf(thrown.cancels);
}

/** Says what a run has to do. */
export function oracle(plan: Plan): Told {
  const heard: Heard[] = [];
  const failures: unknown[] = [];
  const cancelled = new Set<string>();
  const callbacks = plan.priorities
    .map((priority, id) => ({ priority, id }))
    .sort((one, other) => one.priority - other.priority || one.id - other.id);
  let open: Scope[] = [];
  let failed = false;
  let phase = "idle";
  let epoch = 0;
  let batch = -1;
  let trained = 0;
  let validatedAt = -1;
  let stoppedInValidation = false;

  /** Cuts short a phase, if there is one that can be: all in it is closed from now on. */
  function cut(level: Level): Unwind | undefined {
    const scope = open.findLast((scope) => scope.level === level);
    // At the end there is nothing left to cut short: it is told all the same.
    if (level === "train" && open.length === 0 && !failed) cancelled.add("train");
    // Without a training around it, a validation or a test is what "train" means.
    if (scope ? scope.cutShort : level !== "train" || open.length === 0) return;
    for (const { name } of open.slice(scope && open.indexOf(scope))) cancelled.add(name);
    if (level === "train") cancelled.add("train");
    open = scope ? open.slice(0, open.indexOf(scope) + 1) : [];
    if (scope && level !== "train") scope.cutShort = true;
    return new Unwind(scope ?? "top");
  }

  function fail(error: unknown): Unwind | undefined {
    failures.push(error);
    if (failed) return;
    failed = true;
    open = [];
    return new Unwind("top");
  }

  /** Calls who listens to a hook; with `always` all of them, else while nothing comes between. */
  function listen(hook: HookName, always: boolean): Unwind | undefined {
    let asked: Unwind | undefined;
    const thrown: unknown[] = [];
    for (const { id } of callbacks) {
      if (!always && (asked || thrown.length > 0)) break;
      const { asks, throws } = plan.deed(id, hook, heard.length);
      heard.push({
        hook,
        callback: id,
        cancelled: [...cancelled].sort(),
        phase,
        epoch,
        batch: hook.includes("Batch") ? batch : 0,
      });
      if (asks) asked = cut(asks) ?? asked;
      if (throws !== undefined) thrown.push(throws);
    }
    const [worst] = thrown.toSorted((one, other) => strength(other) - strength(one));
    const errors = thrown.filter((it) => !(it instanceof Cancellation));
    if (errors.length > 0) {
      const [first, ...others] = errors;
      const unwind = fail(first);
      failures.push(...others);
      return unwind ?? asked;
    }
    if (!(worst instanceof Cancellation)) return asked;
    const unwind = cut(worst.cancels);
    if (unwind) return unwind;
    return always || asked ? asked : fail(worst);
  }

  function before(hook: HookName): void {
    const unwind = listen(hook, false);
    if (unwind) throw unwind;
  }

  function after(hook: HookName): void {
    const unwind = listen(hook, true);
    if (unwind) throw unwind;
  }

  /** A phase: what is cut short in it is caught here, and what was begun is ended. */
  function within(
    name: Name,
    level: Level,
    hooks: { onCancel: HookName; after: HookName; around?: (finish: () => void) => void },
    body: () => void,
  ): void {
    const scope: Scope = { name, level, cutShort: false };
    const here = name === "batch" ? phase : name === "epoch" ? "train" : name;
    const finish = (hook: HookName) => {
      phase = here;
      after(hook);
    };
    cancelled.delete(name);
    open.push(scope);
    phase = here;
    try {
      try {
        body();
      } catch (unwind) {
        if (!(unwind instanceof Unwind) || unwind.to !== scope) throw unwind;
        if (level !== "train") return;
        // Not before here, as a validation may have been due: until now, it could be said again.
        scope.cutShort = true;
        finish(hooks.onCancel);
      } finally {
        // Owed since the cancel, whatever else has come up on the way here.
        if (level !== "train" && scope.cutShort) finish(hooks.onCancel);
      }
    } finally {
      open = open.filter((other) => other !== scope);
      const { around = (finish) => finish() } = hooks;
      around(() => finish(hooks.after));
    }
  }

  function passOver(batches: number, oneBatch: () => void): void {
    for (batch = 0; batch < batches; batch++) oneBatch();
  }

  /** All objectives of a batch that is only looked at. */
  function evaluate(): void {
    for (const _ of plan.objectives) {
      before("afterPredict");
      before("afterLoss");
    }
  }

  function train(): void {
    within("train", "train", { onCancel: "onCancelTrain", after: "afterTrain" }, () => {
      before("beforeTrain");
      for (; epoch < plan.epochs; epoch++) {
        let stop: Unwind | undefined;
        try {
          trainOneEpoch();
        } catch (unwind) {
          if (!(unwind instanceof Unwind) || unwind.to === "top") throw unwind;
          stop = unwind;
        }
        try {
          const due = (epoch + 1) % plan.validationEpochs === 0 && validatedAt !== trained;
          // A training that was cancelled in a validation is not validated once more.
          if (plan.validation && due && !stoppedInValidation) validate(plan.validation);
          if (stop) throw stop;
        } catch (unwind) {
          // It counts if it was not cut short itself, but for an error.
          if (!failed && !cancelled.has("epoch")) epoch++;
          throw unwind;
        }
      }
    });
  }

  function trainOneEpoch(): void {
    within("epoch", "epoch", { onCancel: "onCancelEpoch", after: "afterEpoch" }, () => {
      before("beforeEpoch");
      passOver(plan.train, () => {
        trained++;
        within("batch", "batch", { onCancel: "onCancelBatch", after: "afterBatch" }, () => {
          before("beforeBatch");
          for (const every of plan.objectives) {
            if (trained % every !== 0) continue;
            before("afterPredict");
            before("afterLoss");
            before("afterBackward");
            before("beforeStep");
            before("afterStep");
          }
        });
        const { validation, validationBatches } = plan;
        if (validation && validationBatches && trained % validationBatches === 0) {
          validatedAt = trained;
          const place = batch;
          validateWithin(validation);
          batch = place;
          phase = "train";
        }
      });
    });
  }

  function validate(batches: number, around?: (finish: () => void) => void): void {
    const hooks = { onCancel: "onCancelValidate", after: "afterValidate", around } as const;
    within("validate", "epoch", hooks, () => {
      before("beforeValidate");
      passOver(batches, () => {
        const after = "afterValidationBatch";
        within("batch", "batch", { onCancel: "onCancelBatch", after }, () => {
          before("beforeValidationBatch");
          evaluate();
        });
      });
    });
  }

  /** A validation within an epoch: what its after hooks cancel is not the epoch. */
  function validateWithin(batches: number): void {
    const around = open.find(({ name }) => name === "epoch")!;
    try {
      validate(batches, (finish) => {
        const { cutShort } = around;
        around.cutShort = true;
        try {
          finish();
        } finally {
          around.cutShort = cutShort;
        }
      });
    } catch (unwind) {
      if (unwind instanceof Unwind && unwind.to !== "top" && unwind.to.name === "train") {
        stoppedInValidation = true;
      }
      throw unwind;
    }
  }

  function test(batches: number): void {
    within("test", "epoch", { onCancel: "onCancelTest", after: "afterTest" }, () => {
      before("beforeTest");
      passOver(batches, () => {
        within("batch", "batch", { onCancel: "onCancelBatch", after: "afterTestBatch" }, () => {
          before("beforeTestBatch");
          evaluate();
        });
      });
    });
  }

  /** The parts of a run, one after the other; only an error keeps the next from being begun. */
  function part(body: () => void): void {
    if (failed) return;
    try {
      body();
    } catch (unwind) {
      if (!(unwind instanceof Unwind)) throw unwind;
    }
  }

  if (plan.job === "train") part(train);
  if (plan.job === "validate") part(() => validate(plan.validation!));
  if (plan.test && plan.job !== "validate") part(() => test(plan.test!));
  if (failed) listen("onError", true);
  const status = failed ? "failed" : cancelled.has("train") ? "cancelled" : "completed";
  return { heard, status, failures, epochs: epoch };
}
