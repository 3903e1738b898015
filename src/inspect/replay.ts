import type { ChromeTrace } from "../callbacks/support/chrome_trace.ts";
import { stateName } from "../chart/state_name.ts";
import type { Trace } from "../callbacks/trace.ts";
import type { TracedStep } from "../callbacks/support/trace_record.ts";
import { type ChartEvent, learnerMachine } from "../chart/chart.ts";
import { transition } from "../deps/xstate.ts";
import type { RunSnapshot } from "../learner/run_actor.ts";

/** A step of the machine that a trace tells of, taken again. */
export interface ReplayedStep {
  /** µs since the trace began. */
  readonly time: number;
  /** What the machine was told; nothing where the trace begins. */
  readonly event: { readonly type: string } | null;
  /** The state that it reached: `"train.epoch.batch.compute"`. */
  readonly state: string;
  /** What it remembered then. */
  readonly context: RunSnapshot["context"];
}

/** Thrown by {@linkcode replay} where a trace tells of what the machine does not do. */
export class ReplayError extends Error {
  /** The name of the class. */
  override readonly name = "ReplayError";
  /** Which step is wrong, 0-based: the first one is where the trace begins. */
  readonly index: number;

  /** Says which step is wrong, and how. */
  constructor(index: number, message: string, options?: ErrorOptions) {
    super(`Cannot replay step ${index} as ${message}`, options);
    this.index = index;
  }
}

/**
 * Steps the machine of the Learner through a trace, and confirms each state: so a run that went
 * wrong is taken apart without its data or its model.
 *
 * @param trace A trace, or what `trace.save()` wrote, parsed.
 * @returns What the machine did, step by step.
 * @throws {ReplayError} At the first step that the machine would not have taken.
 *
 * @example
 * ```ts
 * import { Trace } from "@trainchart/trainchart/callbacks";
 * import { replay } from "@trainchart/trainchart/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * const saved = JSON.parse(JSON.stringify(new Trace()));
 * assertEquals(replay(saved), []); // of no run yet
 * ```
 */
export function replay(trace: Trace | ChromeTrace): ReplayedStep[] {
  const { traceEvents } = "toJSON" in trace ? trace.toJSON() : trace;
  const steps = traceEvents.filter(({ cat }) => cat === "step")
    .map(({ ts, args }): TracedStep => ({ time: ts, ...args as Omit<TracedStep, "time"> }));
  let snapshot: ReturnType<typeof learnerMachine.resolveState> | undefined;
  return steps.map(({ time, event, value, context }, index) => {
    try {
      // Where a trace no longer has its beginning, its first state is taken at its word.
      if (snapshot) [snapshot] = transition(learnerMachine, snapshot, event as ChartEvent);
      else snapshot = learnerMachine.resolveState({ value: value as never, context });
    } catch (error) {
      throw new ReplayError(index, "the machine must accept it: it does not", { cause: error });
    }
    const reached = { value: snapshot.value, context: snapshot.context };
    if (!same(reached, { value, context })) {
      throw new ReplayError(
        index,
        `the machine must be in ${JSON.stringify(reached)} after ${event?.type}: ` +
          `the trace says ${JSON.stringify({ value, context })}`,
      );
    }
    return { time, event, state: stateName(value), context };
  });
}

/** Whether two pieces of plain data are equal, in whichever order their fields are. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) =>
      same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])
    );
}
