/**
 * The protocol between the Learner and everything that hangs on it.
 *
 * @module
 */
import { closest, distance } from "../deps/levenshtein.ts";
import { describeValue } from "../checks/describe_value.ts";
import { closestHook } from "./closest_hook.ts";
import { HOOK_NAMES, type HookName } from "../chart/hooks.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { Learner } from "./learner.ts";
import type { RunEvent } from "./run_actor.ts";
import type { Watch } from "./watch.ts";

/** A Learner of batches of any kind: a callback serves them all. */
// deno-lint-ignore no-explicit-any -- the kind of batch is known only where a Learner is made
export type AnyLearner = Learner<any, any, any>;

/**
 * What a callback may listen to: every hook, in the order in which they run.
 *
 * A *before* hook runs only while its phase is still wanted. An *after* hook always runs once its
 * phase was entered, also after a cancel or an error; `learner.cancelled` tells what was cut short.
 * All but {@linkcode Hooks.afterPredict} and {@linkcode Hooks.afterLoss} may return a promise,
 * which is awaited before anything else happens.
 */
export interface Hooks {
  /** Once, before anything else. `epochs`, `validationEpochs` and `learningRate` are set. */
  beforeTrain?(learner: AnyLearner): void | Promise<void>;
  /** Before the loader of an epoch is opened. `epoch` is set. */
  beforeEpoch?(learner: AnyLearner): void | Promise<void>;
  /** Before a batch of training. `data`, `labels` and `batchIndex` are set. */
  beforeBatch?(learner: AnyLearner): void | Promise<void>;
  /** Synchronous, in every phase: `predictions` is set; what replaces it is differentiated. */
  afterPredict?(learner: AnyLearner): void;
  /**
   * Synchronous, in every phase: `loss` is set; what replaces it is differentiated. What the
   * regularizers of layers add is added after it.
   */
  afterLoss?(learner: AnyLearner): void;
  /** `gradients` is set. */
  afterBackward?(learner: AnyLearner): void | Promise<void>;
  /** Before the optimizer applies `gradients`. A CancelBatch skips the update. */
  beforeStep?(learner: AnyLearner): void | Promise<void>;
  /** The weights are updated. */
  afterStep?(learner: AnyLearner): void | Promise<void>;
  /** After every batch of training that was begun. Then its tensors are disposed. */
  afterBatch?(learner: AnyLearner): void | Promise<void>;
  /** After every epoch that was begun. `trainLoss` is set. */
  afterEpoch?(learner: AnyLearner): void | Promise<void>;
  /** Before a validation. */
  beforeValidate?(learner: AnyLearner): void | Promise<void>;
  /** Before a batch of validation. `data`, `labels` and `batchIndex` are set. */
  beforeValidationBatch?(learner: AnyLearner): void | Promise<void>;
  /** After every batch of validation that was begun. `predictions` and `loss` are set. */
  afterValidationBatch?(learner: AnyLearner): void | Promise<void>;
  /** After every validation that was begun. `validationLoss` is set. */
  afterValidate?(learner: AnyLearner): void | Promise<void>;
  /** Once, after every training that was begun. `epoch` tells how many epochs are behind us. */
  afterTrain?(learner: AnyLearner): void | Promise<void>;
  /** Before the test. */
  beforeTest?(learner: AnyLearner): void | Promise<void>;
  /** Before a batch of the test. `data`, `labels` and `batchIndex` are set. */
  beforeTestBatch?(learner: AnyLearner): void | Promise<void>;
  /** After every batch of the test that was begun. `predictions` and `loss` are set. */
  afterTestBatch?(learner: AnyLearner): void | Promise<void>;
  /** After every test that was begun. `testLoss` is set. */
  afterTest?(learner: AnyLearner): void | Promise<void>;
  /** A batch, of any phase, was cut short by itself; its after hook follows. */
  onCancelBatch?(learner: AnyLearner): void | Promise<void>;
  /** An epoch was cut short by itself; `afterEpoch` follows. */
  onCancelEpoch?(learner: AnyLearner): void | Promise<void>;
  /** A validation was cut short by itself; `afterValidate` follows. */
  onCancelValidate?(learner: AnyLearner): void | Promise<void>;
  /** A test was cut short by itself; `afterTest` follows. */
  onCancelTest?(learner: AnyLearner): void | Promise<void>;
  /** The training was cut short, and a due validation is done; `afterTrain` follows. */
  onCancelTrain?(learner: AnyLearner): void | Promise<void>;
  /** Something threw; the after hooks of all open phases have run. `failures` tells what. */
  onError?(learner: AnyLearner): void | Promise<void>;
}

/** What a callback has that remembers something from batch to batch. */
export interface Stateful {
  /**
   * All that it remembers, for a checkpoint: data, of which tensors (which stay the callback's)
   * and typed arrays may be a part.
   */
  state?(): unknown;
  /**
   * Goes on from what {@linkcode Stateful.state} returned, before a run is resumed: `beforeTrain`
   * does not run again. Weights, optimizer and fields of the Learner are restored already. Tensors
   * in the state are now the callback's.
   */
  // deno-lint-ignore no-explicit-any -- each callback knows its own state
  restore?(state: any, learner: AnyLearner): void | Promise<void>;
  /** Whether it only looks on, so that a run may be resumed without it. Default: no. */
  readonly passive?: boolean;
  /** Whether that differs between processes that train together. Default: no. */
  readonly perRank?: boolean;
  /** Asked by `train()` without `from`, before anything is done: what to go on from, if at all. */
  resumeFrom?(): Promise<RunCheckpoint | undefined>;
  /**
   * Before every run of whatever kind, also one that is resumed, and before anything else of it is
   * done: it may still change who the callbacks are.
   */
  prepare?(learner: AnyLearner): void | Promise<void>;
}

/** Anything with hooks: an object literal, or an instance of {@linkcode Callback}. */
export interface CallbackLike extends Hooks, Stateful {
  /** Looks at every call of a hook, of whichever callback, and at every task of the Learner. */
  watch?: Watch;
  /**
   * Is asked before `pause()`, `resume()`, `step()` or `cancel()` is obeyed.
   *
   * @returns Whether it will see to it at a later point of the run.
   */
  postpone?(event: RunEvent, reason?: string): boolean;
  /** What it is called in messages. Default: the name of its class. */
  readonly name?: string;
  /** Hooks run in ascending priority, ties in order of addition. Default: 0. */
  priority?: number;
  /**
   * The names under which it will put values into `learner.metrics`, so that others can say before
   * the training that there is no such metric: `"validation.accuracy"`. Default: none.
   */
  readonly metricNames?: readonly string[];
  /**
   * Methods that the callback calls itself though their names read like those of hooks, as in
   * `PassCallback`. Default: none.
   */
  readonly innerHooks?: readonly string[];
  /** Whether it writes files or sends anything away; trial runs leave it out. Default: no. */
  readonly writesFiles?: boolean;
  /**
   * Whether it is for one of several processes that train together: it shows, saves or serves. The
   * others leave it out. Default: whether it writes files.
   */
  readonly mainRankOnly?: boolean;
}

/**
 * The base class of callbacks: it adds nothing but a name, a priority and the compiler's eye on
 * the names of the hooks that you override.
 *
 * @example
 * ```ts
 * import { Callback, type Learner } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * class Halve extends Callback {
 *   override priority = 10;
 *   override afterEpoch(learner: Learner) {
 *     learner.learningRate /= 2;
 *   }
 * }
 *
 * assertEquals(new Halve().name, "Halve");
 * ```
 */
export abstract class Callback implements CallbackLike {
  /** What it is called in messages. */
  get name(): string {
    return this.constructor.name;
  }
  /** Hooks run in ascending priority, ties in order of addition. */
  priority = 0;
}
/** Merged into the class, so that `override` knows the hooks. */
export interface Callback extends Hooks, Stateful {
  /** Methods that the callback calls itself though their names read like those of hooks. */
  readonly innerHooks?: readonly string[];
}

/** What a callback is called in messages. */
export function nameOf(callback: CallbackLike): string {
  return callback.name ?? callback.constructor?.name ?? "callback";
}

/** By how many letters a method may differ from a hook and still be taken for a slip. */
const MISSPELT = 2;

/**
 * Checks that a callback has no misspelt hook.
 *
 * @throws {TypeError} if a method is named like a hook and is none.
 */
export function checkCallback(callback: CallbackLike): void {
  if (typeof callback !== "object" || callback === null) {
    throw new TypeError(
      `Cannot add a callback as it must be an object with hooks: current value is ${
        describeValue(callback)
      }`,
    );
  }
  const known = new Set<string>([...HOOK_NAMES, ...callback.innerHooks ?? []]);
  for (const name of methodsOf(callback)) {
    if (known.has(name) || !resemblesHook(name)) continue;
    throw new TypeError(
      `Cannot add callback ${nameOf(callback)} as each of its hooks must exist: ` +
        `there is no "${name}", did you mean "${closestHook(name)}"?`,
    );
  }
  if (!Number.isFinite(callback.priority ?? 0)) {
    throw new TypeError(
      `Cannot add callback ${nameOf(callback)} as its priority must be a finite number: ` +
        `current value is ${callback.priority}`,
    );
  }
}

function resemblesHook(name: string): boolean {
  return /^(before|after|on_?(cancel|error|fit|train|epoch|batch|step|val|test|before|after))/i
    .test(name) ||
    distance(name, closest(name, HOOK_NAMES)) <= MISSPELT;
}

function* methodsOf(callback: object): Iterable<string> {
  for (let at = callback; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function") yield name;
    }
  }
}

/** Whether a callback listens to a hook. */
export function listensTo(callback: CallbackLike, hook: HookName): boolean {
  return typeof callback[hook] === "function";
}
