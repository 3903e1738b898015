/**
 * The type of a machine of XState, apart from XState itself: its many types stay out of the
 * documentation this way.
 *
 * @module
 */
import type * as xstate from "npm:xstate@5.33.3";

/**
 * A machine of XState 5, for `createActor()` and `@xstate/graph`.
 *
 * @category Statechart
 */
export type Machine = ReturnType<(typeof xstate)["createMachine"]>;
