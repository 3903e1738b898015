import type { FieldProblem } from "../checks/fields.ts";
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
) => FieldProblem | undefined;

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
