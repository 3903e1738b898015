/**
 * The protocol between the Learner and its callbacks, for any Learner `L`: what a callback may
 * define. It names no Learner, so that the Learner can be built on it.
 *
 * @module
 */
import type { RunKind } from "../chart/chart.ts";
import type { FieldProblem } from "../checks/fields.ts";
import type { HookName, TaskName } from "../chart/hooks.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { RunEvent } from "./run_interface.ts";

/**
 * The hooks that a callback may define, in the order in which they run.
 *
 * A *before* hook runs only while its phase is still wanted. An *after* hook always runs once its
 * phase was entered, also after a cancel or an error; `learner.cancelled` names the phases that
 * were cut short. All hooks but {@linkcode Hooks.afterPredict} and {@linkcode Hooks.afterLoss} may
 * return a promise, which is awaited before anything else happens. A callback that is added during a
 * run first gets the before hooks of the open epoch, validation, test and training that it missed.
 *
 * @template L The Learner that the hooks are given.
 * @category Writing a callback
 */
export interface Hooks<L> {
  /** Once, before anything else. `epochs`, `validationEpochs` and `learningRate` are set. */
  beforeTrain?(learner: L): void | Promise<void>;
  /** Before the loader of an epoch is opened. `epoch` is set. */
  beforeEpoch?(learner: L): void | Promise<void>;
  /** Before a training batch. `data`, `labels` and `batchIndex` are set. */
  beforeBatch?(learner: L): void | Promise<void>;
  /**
   * Synchronous, in every phase. `predictions` is set; if the hook replaces it, the replacement is
   * differentiated.
   */
  afterPredict?(learner: L): void;
  /**
   * Synchronous, in every phase. `loss` is set; if the hook replaces it, the replacement is
   * differentiated. The penalties of layers' regularizers are added after this hook.
   */
  afterLoss?(learner: L): void;
  /** `gradients` is set. */
  afterBackward?(learner: L): void | Promise<void>;
  /** Before the optimizer applies `gradients`. A CancelBatch skips the update. */
  beforeStep?(learner: L): void | Promise<void>;
  /** The weights are updated. */
  afterStep?(learner: L): void | Promise<void>;
  /** After every training batch that was begun. Its tensors are disposed afterwards. */
  afterBatch?(learner: L): void | Promise<void>;
  /** After every epoch that was begun. `trainLoss` is set. */
  afterEpoch?(learner: L): void | Promise<void>;
  /** Before a validation. */
  beforeValidate?(learner: L): void | Promise<void>;
  /** Before a validation batch. `data`, `labels` and `batchIndex` are set. */
  beforeValidationBatch?(learner: L): void | Promise<void>;
  /** After every validation batch that was begun. `predictions` and `loss` are set. */
  afterValidationBatch?(learner: L): void | Promise<void>;
  /** After every validation that was begun. `validationLoss` is set. */
  afterValidate?(learner: L): void | Promise<void>;
  /** Once, after every training that was begun. `epoch` is the number of finished epochs. */
  afterTrain?(learner: L): void | Promise<void>;
  /** Before the test. */
  beforeTest?(learner: L): void | Promise<void>;
  /** Before a test batch. `data`, `labels` and `batchIndex` are set. */
  beforeTestBatch?(learner: L): void | Promise<void>;
  /** After every test batch that was begun. `predictions` and `loss` are set. */
  afterTestBatch?(learner: L): void | Promise<void>;
  /** After every test that was begun. `testLoss` is set. */
  afterTest?(learner: L): void | Promise<void>;
  /** A batch of any phase was cancelled by itself; its after hook follows. */
  onCancelBatch?(learner: L): void | Promise<void>;
  /** An epoch was cancelled by itself; `afterEpoch` follows. */
  onCancelEpoch?(learner: L): void | Promise<void>;
  /** A validation was cancelled by itself; `afterValidate` follows. */
  onCancelValidate?(learner: L): void | Promise<void>;
  /** A test was cancelled by itself; `afterTest` follows. */
  onCancelTest?(learner: L): void | Promise<void>;
  /** The training was cancelled, and a due validation is done; `afterTrain` follows. */
  onCancelTrain?(learner: L): void | Promise<void>;
  /** The run failed, and the after hooks of all open phases have run. `failures` is set. */
  onError?(learner: L): void | Promise<void>;
}

/**
 * The members of a callback that remembers something from batch to batch.
 *
 * @category Writing a callback
 */
export interface Stateful<L> {
  /**
   * Returns all that the callback remembers, for a checkpoint: plain data, with tensors (which
   * stay the callback's) and typed arrays at any place.
   */
  state?(): unknown;
  /**
   * Checks a state from a file before anything is restored. Tensors are plain values in it.
   *
   * @param state The state.
   * @param path Path of the state in the checkpoint.
   * @param learner The Learner, on which nothing has changed yet.
   * @returns The first problem; `undefined` if the state is right. Default: every state is accepted.
   */
  readonly checkState?: (state: unknown, path: string, learner: L) => FieldProblem | undefined;
  /**
   * Takes back what {@linkcode Stateful.state} returned, before a run is resumed: `beforeTrain` does
   * not run again. Weights, optimizer and fields of the Learner are restored already. The tensors
   * of the state now belong to the callback.
   */
  // deno-lint-ignore no-explicit-any -- each callback knows its own state
  restore?(state: any, learner: L): void | Promise<void>;
}

/**
 * Puts back what a callback has changed.
 *
 * @category Writing a callback
 */
export type PutBack = () => void | Promise<void>;

/**
 * The place of a batch that is read apart from the hooks of a pass.
 *
 * @category Writing a callback
 */
export interface BatchPlace {
  /** The loader, or the input of a prediction. */
  readonly pass: "train" | "validation" | "test" | "predict";
  /** Index of the epoch, 0-based. */
  readonly epoch: number;
  /** Index of the batch, 0-based. */
  readonly index: number;
}

/**
 * The members of a callback that acts outside the hooks of a run.
 *
 * @category Writing a callback
 */
export interface Steering<L> {
  /**
   * Changes the Learner for one run: called once in every run, also one that is resumed, in
   * ascending priority and before all hooks; for a callback that is added during a run, before its
   * first hook. In a resumed run, `restore` was called before.
   *
   * @returns A function that puts the changes back. The Learner calls these functions after the run,
   *   last first, however the run ended; also that of a callback that was removed during the run, as
   *   others may have made their changes on top of its own.
   */
  setUp?(learner: L, kind: RunKind): PutBack | void | Promise<PutBack | void>;
  /**
   * Runs before every run of any kind, also one that is resumed, and before all other work: it may
   * still change the list of callbacks.
   */
  prepare?(learner: L): void | Promise<void>;
  /**
   * Changes a batch that is read apart from the hooks of a pass, by `learner.batches()` or by
   * `learner.predict()`, as the callback's hooks change it within one. Synchronous.
   *
   * @param batch The batch; its tensors stay the caller's. A prediction may have no labels.
   * @returns The parts to replace, which belong to the batch; `undefined` for none.
   */
  changeBatch?(
    // deno-lint-ignore no-explicit-any -- batches of tensors in any nesting
    batch: { data: any; labels: any },
    place: BatchPlace,
    learner: L,
  ): { data?: unknown; labels?: unknown } | void;
  /**
   * Called by `train()` without `from`, before all other work: the checkpoint to resume, if any.
   *
   * @param check Rejects with a `StorageError` if a checkpoint cannot be resumed: its `problem` is
   *   `"damaged"` where an older checkpoint may do.
   */
  resumeFrom?(
    check: (checkpoint: RunCheckpoint) => Promise<void>,
  ): Promise<RunCheckpoint | undefined>;
  /**
   * Called before `pause()`, `resume()`, `step()` or `cancel()` takes effect.
   *
   * @returns Whether the callback takes care of the event at a later point of the run.
   */
  postpone?(event: RunEvent, reason?: string): boolean;
  /** Called around every hook of every callback, and around every task of the Learner. */
  watch?: Watch;
}

/**
 * The members that say where a callback stands among others, and in which processes it runs.
 *
 * @category Writing a callback
 */
export interface Placement {
  /** The name in messages. Default: the name of the class. */
  readonly name?: string;
  /** Hooks run in ascending priority, ties in order of addition. Default: 0. */
  priority?: number;
  /**
   * Methods that the callback calls itself though their names read like those of hooks, as in
   * `PassCallback`. Default: none.
   */
  readonly innerHooks?: readonly string[];
  /**
   * The names of the values that the callback puts into `learner.metrics`, so that a misspelt
   * monitor is refused before the training: `"validation.accuracy"`. Default: none.
   */
  readonly metricNames?: readonly string[];
  /**
   * Whether the callback never affects training, so that a checkpoint can be resumed without it.
   * Default: false.
   */
  readonly passive?: boolean;
  /**
   * Whether `state()` is different on each rank, so that every rank's state is saved.
   * Default: false.
   */
  readonly perRank?: boolean;
  /** Whether the callback writes files or sends data; trial runs leave it out. Default: false. */
  readonly writesFiles?: boolean;
  /**
   * Whether the callback shows, saves or serves, and so runs on the main rank only.
   * Default: the value of `writesFiles`.
   */
  readonly mainRankOnly?: boolean;
  /**
   * Whether `setUp` replaces loaders, so that their lengths say nothing about those of the run.
   * Default: false.
   */
  readonly replacesLoaders?: boolean;
  /**
   * The setting that this callback decides alone, such as `"the learning rate"`: a training in which
   * another callback decides the same, or a part as `"the learning rate of generator"`, is refused.
   * Default: nothing.
   */
  readonly decides?: readonly string[];
}

/**
 * A callback of a Learner `L`: an object with some hooks.
 *
 * @category Writing a callback
 */
export interface CallbackOf<L> extends Hooks<L>, Stateful<L>, Steering<L>, Placement {}

/**
 * A callback of any Learner.
 *
 * @category Writing a callback
 */
// deno-lint-ignore no-explicit-any -- the Learner is known only where a callback is given to one
export type AnyCallback = CallbackOf<any>;

/**
 * Looks at every call of a hook and every task of the Learner: how long it took, what it left.
 *
 * @param work The hook or task that is about to begin.
 * @param callback The callback of the hook; `undefined` for a task, which is the Learner's own.
 * @returns A function to call when the work has ended, also by throwing.
 * @category Writing a callback
 */
export type Watch = (
  work: HookName | TaskName,
  callback: AnyCallback | undefined,
) => (() => void) | void;

/** The name of a callback in messages. */
export function nameOf(callback: AnyCallback): string {
  return callback.name ?? callback.constructor?.name ?? "callback";
}
