import type { ChromeTrace } from "../callbacks/support/chrome_trace.ts";
import { stateName } from "../chart/state_name.ts";
import type { Trace } from "../callbacks/trace.ts";
import type { TracedStep } from "../callbacks/support/trace_record.ts";
import { type ChartEvent, learnerMachine } from "../chart/chart.ts";
import { transition } from "../deps/xstate.ts";
import type { RunSnapshot } from "../learner/run_actor.ts";

/**
 * A step of the machine in a trace, replayed.
 *
 * @category Inspecting
 */
export interface ReplayedStep {
  /** Time since the trace began, in µs. */
  readonly time: number;
  /** The event that the machine was sent; `null` at the start of the trace. */
  readonly event: { readonly type: string } | null;
  /** The state that the machine reached: `"train.epoch.batch.compute"`. */
  readonly state: string;
  /** The context of the machine then. */
  readonly context: RunSnapshot["context"];
}

/**
 * Thrown by {@linkcode replay} if a trace has a step that the machine would not take.
 *
 * @category Inspecting
 */
export class ReplayError extends Error {
  /** Name of the class. */
  override readonly name = "ReplayError";
  /** Index of the wrong step, 0-based: step 0 is the start of the trace. */
  readonly index: number;

  /** Makes an error for one step. */
  constructor(index: number, message: string, options?: ErrorOptions) {
    super(`Cannot replay step ${index} as ${message}`, options);
    this.index = index;
  }
}

/**
 * Steps the machine of the Learner through a trace and confirms each state, to analyse a failed run
 * without its data or its model.
 *
 * @param trace A trace, or the parsed file that `trace.save()` wrote.
 * @returns The steps of the machine.
 * @throws {ReplayError} If the trace has a step that the machine would not take.
 *
 * @example
 * ```ts
 * import { Trace } from "@trainchart/trainchart/callbacks";
 * import { replay } from "@trainchart/trainchart/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * const saved = JSON.parse(JSON.stringify(new Trace()));
 * assertEquals(replay(saved), []); // no run yet
 * ```
 *
 * @category Inspecting
 */
export function replay(trace: Trace | ChromeTrace): ReplayedStep[] {
  const { traceEvents } = "toJSON" in trace ? trace.toJSON() : trace;
  const steps = traceEvents.filter(({ cat }) => cat === "step")
    .map(({ ts, args }): TracedStep => ({ time: ts, ...args as Omit<TracedStep, "time"> }));
  let snapshot: ReturnType<typeof learnerMachine.resolveState> | undefined;
  return steps.map(({ time, event, value, context }, index) => {
    try {
      // A trace may have lost its beginning: its first state cannot be confirmed.
      if (snapshot) [snapshot] = transition(learnerMachine, snapshot, event as ChartEvent);
      else snapshot = learnerMachine.resolveState({ value: value as never, context });
    } catch (error) {
      throw new ReplayError(index, "the machine must accept it: it does not", { cause: error });
    }
    const reached = { value: snapshot.value, context: snapshot.context };
    if (!equals(reached, { value, context })) {
      throw new ReplayError(
        index,
        `the machine must be in ${JSON.stringify(reached)} after ${event?.type}: ` +
          `the trace says ${JSON.stringify({ value, context })}`,
      );
    }
    return { time, event, state: stateName(value), context };
  });
}

/** Whether two pieces of plain data are equal; the order of fields does not matter. */
function equals(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) =>
      equals((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])
    );
}
