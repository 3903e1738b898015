/**
 * The base classes of callbacks.
 *
 * @module
 */
import { closest, describeValue } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import { hostTensorOf } from "../io/host_tensor.ts";
import { variablesOf } from "../model/model.ts";
import type { CallbackOf, Hooks, Placement, Stateful, Steering } from "./callback_protocol.ts";
import type { AnyLearner } from "./learner.ts";

export { nameOf } from "./callback_protocol.ts";

export type { AnyLearner };

/**
 * Anything with hooks: an object literal, or an instance of {@linkcode Callback}.
 *
 * @category Writing a callback
 */
export interface CallbackLike extends CallbackOf<AnyLearner> {}

/**
 * Checks the state of a callback from a file: returns its first problem.
 *
 * @category Writing a callback
 */
export type StateCheck = (
  state: unknown,
  path: string,
  learner: AnyLearner,
) => field.FieldProblem | undefined;

/**
 * The base class of callbacks. It adds a name and a priority, and the compiler checks the names of
 * the hooks that a subclass overrides.
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
 *
 * @category Writing a callback
 */
export abstract class Callback implements CallbackLike {
  /** The name in messages: that of the class. */
  get name(): string {
    return this.constructor.name;
  }
  /** Hooks run in ascending priority, ties in order of addition. */
  priority = 0;
}
/**
 * Merged into the class, so that `override` knows the hooks.
 *
 * @category Writing a callback
 */
export interface Callback
  extends
    Hooks<AnyLearner>,
    Stateful<AnyLearner>,
    Steering<AnyLearner>,
    Omit<Placement, "name" | "priority"> {}

/**
 * A pass over one of the loaders: an epoch, a validation or a test.
 *
 * @category Writing a callback
 */
export type MeasuredPhase = "train" | "validation" | "test";

const PHASES: readonly MeasuredPhase[] = ["train", "validation", "test"];

/**
 * Checks an option that names passes.
 *
 * @param action Completes "Cannot …".
 * @param phases The value of the option. Default: all passes.
 * @returns The passes.
 * @throws {TypeError} If it is no array, or one of its elements is no pass.
 */
export function checkPhases(
  action: string,
  phases: readonly MeasuredPhase[] = PHASES,
): ReadonlySet<MeasuredPhase> {
  if (!Array.isArray(phases)) {
    throw new TypeError(
      `Cannot ${action} as phases must be an array: current value is ${describeValue(phases)}`,
    );
  }
  for (const phase of phases) {
    if (PHASES.includes(phase)) continue;
    throw new TypeError(
      `Cannot ${action} as each of phases must be one of ${PHASES.join(", ")}: there is no ` +
        `${describeValue(phase)}, did you mean "${closest(String(phase), PHASES)}"?`,
    );
  }
  return new Set(phases);
}

/**
 * The base class of callbacks that do the same thing in an epoch, in a validation and in a test:
 * nine hooks become three methods. A subclass that also overrides one of the nine calls `super`.
 *
 * @example
 * ```ts
 * import type { AnyLearner } from "@trainchart/trainchart";
 * import { type MeasuredPhase, PassCallback } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * class CountBatches extends PassCallback {
 *   readonly batches: Record<string, number> = {};
 *   protected override afterPassBatch(_learner: AnyLearner, pass: MeasuredPhase): void {
 *     this.batches[pass] = (this.batches[pass] ?? 0) + 1;
 *   }
 * }
 * assertEquals(new CountBatches().batches, {});
 * ```
 *
 * @category Writing a callback
 */
export abstract class PassCallback extends Callback {
  /** The three methods: their names read like those of hooks. */
  override readonly innerHooks: readonly string[] = ["beforePass", "afterPassBatch", "afterPass"];

  /** Before an epoch, a validation or a test. */
  protected beforePass(_learner: AnyLearner, _pass: MeasuredPhase): void | Promise<void> {}

  /** After every batch that was begun, of any pass. */
  protected afterPassBatch(_learner: AnyLearner, _pass: MeasuredPhase): void | Promise<void> {}

  /** After every epoch, validation or test that was begun. */
  protected afterPass(_learner: AnyLearner, _pass: MeasuredPhase): void | Promise<void> {}

  /** Calls `beforePass`. */
  override beforeEpoch(learner: AnyLearner): void | Promise<void> {
    return this.beforePass(learner, "train");
  }
  /** Calls `beforePass`. */
  override beforeValidate(learner: AnyLearner): void | Promise<void> {
    return this.beforePass(learner, "validation");
  }
  /** Calls `beforePass`. */
  override beforeTest(learner: AnyLearner): void | Promise<void> {
    return this.beforePass(learner, "test");
  }

  /** Calls `afterPassBatch`. */
  override afterBatch(learner: AnyLearner): void | Promise<void> {
    return this.afterPassBatch(learner, "train");
  }
  /** Calls `afterPassBatch`. */
  override afterValidationBatch(learner: AnyLearner): void | Promise<void> {
    return this.afterPassBatch(learner, "validation");
  }
  /** Calls `afterPassBatch`. */
  override afterTestBatch(learner: AnyLearner): void | Promise<void> {
    return this.afterPassBatch(learner, "test");
  }

  /** Calls `afterPass`. */
  override afterEpoch(learner: AnyLearner): void | Promise<void> {
    return this.afterPass(learner, "train");
  }
  /** Calls `afterPass`. */
  override afterValidate(learner: AnyLearner): void | Promise<void> {
    return this.afterPass(learner, "validation");
  }
  /** Calls `afterPass`. */
  override afterTest(learner: AnyLearner): void | Promise<void> {
    return this.afterPass(learner, "test");
  }
}

/** The metrics of a pass, by full name: `"validation.accuracy"`. */
export function metricsOfPhase(
  { metrics }: AnyLearner,
  phase: MeasuredPhase,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => name.startsWith(`${phase}.`)),
  );
}

/**
 * The metrics of an epoch that has ended: those of training, and those of a validation within the
 * epoch if no batch has come since.
 */
export function metricsOfEpoch(learner: AnyLearner): Record<string, number> {
  return {
    ...metricsOfPhase(learner, "train"),
    ...learner.isValidated && metricsOfPhase(learner, "validation"),
  };
}

/** Accepts a tensor in a checkpoint that has the shape of the weight at a position of the model. */
export function weightAt({ model }: AnyLearner, position: number): field.FieldCheck {
  const shape = variablesOf(model)[position]?.shape;
  if (shape) return hostTensorOf(shape);
  return field.that("must be the position of a weight", () => false);
}

/** Accepts a list in a checkpoint of one tensor for each weight of the model. */
export function weightList(learner: AnyLearner): field.FieldCheck {
  return field.tuple(...variablesOf(learner.model).map((_, index) => weightAt(learner, index)));
}
