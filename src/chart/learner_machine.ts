import type { Machine } from "../deps/xstate_machine.ts";
import { type ChartContext, type ChartEvent, learnerMachine as machine } from "./chart.ts";

/**
 * The machine that every run of a Learner follows. Its type names the context and the events; the
 * types of its states and actions would fill pages.
 *
 * @category Statechart
 */
export const learnerMachine: Machine<ChartContext, ChartEvent> = machine as unknown as Machine<
  ChartContext,
  ChartEvent
>;
