/**
 * The statechart that every run of a Learner follows, as a machine of XState 5.
 *
 * The machine is pure: its actions only name work, so that it can be walked, drawn and inspected
 * without a Learner. Paste the source, `src/chart/chart.ts`, into Stately's editor, give
 * {@linkcode learnerMachine} to `createActor()`, or walk it with `@xstate/graph`.
 *
 * @example Every state that a run can reach
 * ```ts
 * import { HOOK_NAMES, learnerMachine } from "@trainchart/trainchart/chart";
 * import { createActor } from "npm:xstate@5.33.3";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const actor = createActor(learnerMachine).start();
 * actor.send({ type: "train" });
 * assertEquals(actor.getSnapshot().value, { train: "next" });
 * assert(actor.getSnapshot().can({ type: "cancel.train" }));
 * actor.stop();
 * assert(HOOK_NAMES.includes("beforeTrain")); // what its entry and exit actions are named after
 * ```
 *
 * @module
 */
export type { Machine } from "./src/deps/xstate_machine.ts";
export { learnerMachine } from "./src/chart/learner_machine.ts";
export type { ChartContext, ChartEvent, Facts, RunKind } from "./src/chart/chart.ts";
export {
  type Cancellable,
  HOOK_NAMES,
  type HookName,
  type Phase,
  type TaskName,
} from "./src/chart/hooks.ts";
