import type { Machine } from "../deps/xstate_machine.ts";
import { learnerMachine as machine } from "./chart.ts";

/**
 * The machine that every run of a Learner follows. Its events are those of `ChartEvent`, its context
 * is a `ChartContext`; types of all its states and actions would fill pages.
 *
 * @category Statechart
 */
export const learnerMachine: Machine = machine() as unknown as Machine;
