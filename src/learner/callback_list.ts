/**
 * The callbacks of a run: the bands of priorities, the order of each hook, the callbacks that watch the
 * others, their set-up, and the checks of their hooks and decisions.
 *
 * @module
 */
import type { RunKind } from "../chart/chart.ts";
import { HOOK_NAMES, type HookName, type TaskName } from "../chart/hooks.ts";
import { type AnyCallback, nameOf, type PutBack } from "./callback_protocol.ts";
import type { AnyFields } from "./learner_fields.ts";
import { closest, describeValue, editDistance, isThenable } from "../checks/check_options.ts";
import type { Stages } from "./own_steps.ts";

/**
 * The bands in which callbacks run: hooks are called in ascending priority.
 *
 * A callback belongs to a band, so that, for example, a callback that monitors a metric runs after
 * the metric is measured, and one that saves weights after they are trained.
 *
 * | band          |      | callbacks in it                                                        |
 * |---------------|------|------------------------------------------------------------------------|
 * | `mode`        | -200 | set what is trained, and on how much data: limits, frozen layers        |
 * | `data`        | -100 | change batches, losses and gradients before other callbacks read them   |
 * | `user`        |    0 | all that set no priority                                                |
 * | `metrics`     |  100 | measure and record                                                      |
 * | `schedules`   |  200 | set rates, and track weights and metrics                                |
 * | `checkpoints` |  300 | save weights                                                            |
 * | `stopping`    |  400 | end the run early                                                       |
 * | `display`     |  500 | show                                                                    |
 * | `last`        | 1000 | look at the work of all others                                          |
 *
 * `Checkpoint` runs after all of them: the state of a run, with the memory of its callbacks, is
 * smallest and easiest to resume when no callback is left to run.
 *
 * @example
 * ```ts
 * import { Callback, PRIORITIES } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * class AfterMetrics extends Callback {
 *   override priority = PRIORITIES.metrics + 1;
 * }
 * assertEquals(new AfterMetrics().priority, 101);
 * ```
 *
 * @category Writing a callback
 */
export const PRIORITIES: {
  readonly mode: -200;
  readonly data: -100;
  readonly user: 0;
  readonly metrics: 100;
  readonly schedules: 200;
  readonly checkpoints: 300;
  readonly stopping: 400;
  readonly display: 500;
  readonly last: 1000;
} = {
  mode: -200,
  data: -100,
  user: 0,
  metrics: 100,
  schedules: 200,
  checkpoints: 300,
  stopping: 400,
  display: 500,
  last: 1000,
};

/**
 * The callbacks of a Learner, sorted once.
 *
 * A program may push to, reassign or reorder `learner.callbacks`, or change a priority, at any
 * time: a cheap comparison before each hook notices, and only then the list is checked and sorted
 * again.
 */
export class CallbackList {
  #source: readonly AnyCallback[] = [];
  #priorities: number[] = [];
  /** The callbacks with `watch`, as of the last hook. */
  watchers: readonly AnyCallback[] = [];
  #listeners = new Map<HookName, readonly AnyCallback[]>();

  /**
   * The callbacks that define a hook, in ascending priority, ties in order of addition. The array
   * is never changed: a callback that adds or removes callbacks does not disturb a loop over it.
   *
   * @throws {TypeError} If a bad callback was added: once, and it is left out from then on.
   */
  listeners(hook: HookName, callbacks: readonly AnyCallback[]): readonly AnyCallback[] {
    if (this.#changed(callbacks)) this.#sort(callbacks);
    return this.#listeners.get(hook)!;
  }

  #changed(callbacks: readonly AnyCallback[]): boolean {
    const source = this.#source;
    if (callbacks.length !== source.length || this.#listeners.size === 0) return true;
    for (let index = 0; index < source.length; index++) {
      if (callbacks[index] !== source[index]) return true;
      if ((source[index]?.priority ?? 0) !== this.#priorities[index]) return true;
    }
    return false;
  }

  #sort(callbacks: readonly AnyCallback[]): void {
    const errors: unknown[] = [];
    const sound = callbacks.filter((callback) => {
      try {
        checkCallback(callback);
        return true;
      } catch (error) {
        errors.push(error);
        return false;
      }
    });
    this.#source = [...callbacks];
    this.#priorities = callbacks.map((callback) => callback?.priority ?? 0);
    const sorted = sound.toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
    this.watchers = sorted.filter(({ watch }) => typeof watch === "function");
    for (const hook of HOOK_NAMES) {
      const listeners = sorted.filter((callback) => typeof callback[hook] === "function");
      this.#listeners.set(hook, listeners);
    }
    if (errors.length > 0) throw errors[0];
  }
}

/**
 * Lists the callbacks of each hook.
 *
 * @returns One line for each hook that has callbacks, in the order in which hooks run; in it the
 *   callbacks in the order in which they are called, each with its priority.
 */
export function describeCallbacks(callbacks: readonly AnyCallback[]): string {
  const list = new CallbackList();
  const used = HOOK_NAMES.map((hook) => [hook, list.listeners(hook, callbacks)] as const)
    .filter(([, listeners]) => listeners.length > 0);
  const width = Math.max(0, ...used.map(([hook]) => hook.length));
  return used.map(([hook, listeners]) => {
    const names = listeners.map((callback) => `${nameOf(callback)} (${callback.priority ?? 0})`);
    return `${hook.padEnd(width)}  ${names.join(", ")}`;
  }).join("\n");
}

/** Does a piece of work while all watchers look on; the first to begin is the last to end. */
export function watched<T>(
  watchers: readonly AnyCallback[],
  work: HookName | TaskName,
  callback: AnyCallback | undefined,
  run: () => T,
): T {
  const ends = watchers.map((watcher) => watcher.watch!(work, callback)).reverse();
  const end = () => ends.forEach((end) => end?.());
  let result: T;
  try {
    result = run();
  } catch (error) {
    end();
    throw error;
  }
  if (!isThenable(result)) {
    end();
    return result;
  }
  return Promise.resolve(result).finally(end) as T;
}

const NONE: readonly AnyCallback[] = [];

/** Callbacks that refuse a second run at the same time by themselves, in words of their own. */
export const REFUSES_RUNS: WeakSet<object> = new WeakSet();

/** The run that each callback with a state of its own takes part in. */
const IN_USE = new WeakMap<AnyCallback, SetUps>();

/**
 * Sets the callbacks of one run up, each once, and puts back what they changed: last first, however
 * the run ends.
 */
export class SetUps {
  readonly #known = new Set<AnyCallback>();
  readonly #changes: { readonly callback: AnyCallback; readonly putBack: PutBack }[] = [];
  #list: readonly AnyCallback[] = NONE;

  /** The callbacks that are new to the run, in ascending priority; each is returned once. */
  newcomers(callbacks: readonly AnyCallback[]): readonly AnyCallback[] {
    if (isSame(callbacks, this.#list)) return NONE;
    this.#list = [...callbacks];
    const known = this.#known;
    const newcomers = callbacks.filter((callback) => callback && !known.has(callback));
    for (const callback of newcomers) known.add(callback);
    return newcomers.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
  }

  /**
   * Sets a callback up.
   *
   * @throws {Error} If it takes part in a run of another Learner: the states of both would mix.
   */
  setUp(callback: AnyCallback, learner: AnyFields, kind: RunKind): void | Promise<void> {
    if (hasState(callback) && !REFUSES_RUNS.has(callback)) {
      if (IN_USE.has(callback)) {
        throw new Error(
          `Cannot ${kind}: ${nameOf(callback)} takes part in a run of another Learner. ` +
            "Give each Learner a callback of its own, or wait for that run.",
        );
      }
      IN_USE.set(callback, this);
    }
    const add = (putBack: PutBack | void) => {
      if (putBack) this.#changes.push({ callback, putBack });
    };
    const result = callback.setUp?.(learner, kind);
    if (isThenable(result)) return result.then(add);
    add(result);
  }

  /**
   * Puts everything back.
   *
   * @param failed Called with the error of a callback that cannot put its changes back.
   */
  async putBack(failed: (error: unknown, callback: AnyCallback) => void): Promise<void> {
    for (const { callback, putBack } of this.#changes.splice(0).reverse()) {
      try {
        await putBack();
      } catch (error) {
        failed(error, callback);
      }
    }
    for (const callback of this.#known) {
      if (IN_USE.get(callback) === this) IN_USE.delete(callback);
    }
  }
}

/** A plain object with hooks has none: its hooks may serve several runs. */
function hasState(callback: AnyCallback): boolean {
  return Object.getPrototypeOf(callback) !== Object.prototype || callback.state !== undefined ||
    callback.setUp !== undefined;
}

/** Without closures, because this runs before each piece of work. */
function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** A method whose name differs from a hook by at most this many letters is taken for a misspelling. */
const MISSPELT = 2;

/** Stages of a step, by the names that methods of callbacks have elsewhere. */
const STAGES: Record<string, keyof Stages<unknown>> = {
  predict: "predict",
  get_loss: "loss",
  getLoss: "loss",
  backward: "gradients",
  step: "update",
};

/**
 * Checks callbacks that are given together.
 *
 * @throws {TypeError} If one is bad, or in the list twice: all its hooks would run twice.
 */
export function checkCallbacks(callbacks: readonly AnyCallback[]): void {
  callbacks.forEach((callback, index) => {
    checkCallback(callback);
    checkOnce(callbacks, index);
  });
}

function checkOnce(callbacks: readonly AnyCallback[], index: number): void {
  if (callbacks.indexOf(callbacks[index]) === index) return;
  throw new TypeError(
    `Cannot add callback ${nameOf(callbacks[index])} as each callback must be listed once: ` +
      "it is in the list already",
  );
}

/**
 * Checks that a callback is an object without misspelt hooks.
 *
 * @throws {TypeError} If it is no object, if its priority is no number, or if a method is named
 *   like a hook that does not exist, or like a stage of the step.
 */
export function checkCallback(callback: AnyCallback): void {
  if (typeof callback !== "object" || callback === null || Array.isArray(callback)) {
    throw new TypeError(
      `Cannot add a callback as it must be an object with hooks: current value is ${
        describeValue(callback)
      }`,
    );
  }
  const known = new Set<string>([...HOOK_NAMES, ...callback.innerHooks ?? []]);
  for (const name of methodsOf(callback)) {
    if (Object.hasOwn(STAGES, name)) {
      throw new TypeError(
        `Cannot add callback ${nameOf(callback)} as each of its hooks must exist: "${name}" is a ` +
          `stage of the step, set learner.stages.${STAGES[name]} in beforeTrain() instead`,
      );
    }
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
    editDistance(name, closest(name, HOOK_NAMES)) <= MISSPELT;
}

function* methodsOf(callback: object): Iterable<string> {
  for (let at = callback; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function") yield name;
    }
  }
}

/** Steps that turn the hook names of Keras, Lightning and fast.ai into those of Trainchart. */
const TRANSLATIONS: [pattern: RegExp, ours: string][] = [
  [/_/g, ""],
  [/^on(?=before|after)/i, ""],
  [/^on(.+)(begin|start)$/i, "before$1"],
  [/^on(.+)end$/i, "after$1"],
  [/^(before|after)cancel/i, "onCancel"],
  [/^onexception$/i, "onError"],
  [/fit$/i, "Train"],
  [/optimizer(?=step$)/i, ""],
  [/train(ing)?(?=batch$|epoch$)/i, ""],
  [/val(idation)?batch$/i, "ValidationBatch"],
  [/val(idation)?(epoch)?$/i, "Validate"],
  [/testepoch$/i, "Test"],
  [/pred$/i, "Predict"],
];

/** The hook that a misspelt name most likely means. */
function closestHook(name: string): HookName {
  const ours = TRANSLATIONS.reduce((name, [pattern, ours]) => name.replace(pattern, ours), name);
  return closest(ours, HOOK_NAMES) as HookName;
}

/**
 * Checks that no two callbacks of a training decide the same.
 *
 * @throws {TypeError} If two do.
 */
export function checkDecisions(callbacks: readonly AnyCallback[]): void {
  const deciding = new Map<string, AnyCallback>();
  for (const callback of callbacks) {
    for (const decision of callback?.decides ?? []) {
      const [, other] = [...deciding].find(([decided]) => areSame(decided, decision)) ?? [];
      if (other && other !== callback) {
        throw new TypeError(
          `Cannot train: ${nameOf(other)} and ${nameOf(callback)} both decide ${decision}. ` +
            "Keep one of them.",
        );
      }
      deciding.set(decision, callback);
    }
  }
  const measuring = new Map<string, AnyCallback>();
  for (const callback of callbacks) {
    for (const metric of callback?.metricNames ?? []) {
      const other = measuring.get(metric);
      if (other && other !== callback) {
        throw new TypeError(
          `Cannot train: ${nameOf(other)} and ${nameOf(callback)} both measure ${metric}. ` +
            "Give one of them another name.",
        );
      }
      measuring.set(metric, callback);
    }
  }
}

/** Whether two settings are the same, or one is a part of the other: `"the rate of generator"`. */
function areSame(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other} of `) || other.startsWith(`${one} of `);
}
