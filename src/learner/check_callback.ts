/**
 * Checks of callbacks: their hooks, the names of these, and their decisions.
 *
 * @module
 */
import { closest, describeValue, editDistance } from "../checks/check_options.ts";
import { HOOK_NAMES, type HookName } from "../chart/hooks.ts";
import { type AnyCallback, nameOf } from "./callback_protocol.ts";
import type { Stages } from "./own_steps.ts";

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
 * Checks that a callback is an object without misspelt hooks.
 *
 * @throws {TypeError} If it is no object, if its priority is no number, or if a method is named
 *   like a hook that does not exist, or like a stage of the step.
 */
export function checkCallback(callback: AnyCallback): void {
  if (typeof callback !== "object" || callback === null) {
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
}

/** Whether two settings are the same, or one is a part of the other: `"the rate of generator"`. */
function areSame(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other} of `) || other.startsWith(`${one} of `);
}
