import { describeValue } from "../checks/check_options.ts";
import type { ChromeTrace } from "../callbacks/support/chrome_trace.ts";
import { stateName } from "../chart/hooks.ts";
import type { Trace } from "../callbacks/trace.ts";
import type { TracedStep } from "../callbacks/support/trace_record.ts";
import { type ChartEvent, type LearnerMachine, learnerMachine } from "../chart/chart.ts";
import { transition } from "../deps/xstate.ts";
import type { RunSnapshot } from "../learner/run_interface.ts";

type Snapshot = ReturnType<LearnerMachine["resolveState"]>;

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
 * Thrown by {@linkcode replay} if its input is no trace, or a trace that no run can leave.
 *
 * @category Inspecting
 */
export class ReplayError extends Error {
  /** Name of the class. */
  override readonly name = "ReplayError";
  /** Index of the wrong step, 0-based: step 0 is the start of the trace. -1: the whole trace. */
  readonly index: number;

  /** Makes an error for one step, or for the whole trace. */
  constructor(index: number, message: string, options?: ErrorOptions) {
    super(`Cannot replay ${index < 0 ? "a trace" : `step ${index}`} as ${message}`, options);
    this.index = index;
  }
}

/**
 * Steps the machine of the Learner through a trace and confirms each state, to analyse a failed run
 * without its data or its model.
 *
 * @param trace A trace, or the parsed file that `trace.save()` wrote.
 * @returns The steps of the machine.
 * @throws {ReplayError} If this is no trace, or it has a step that the machine would not take.
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
  let snapshot: Snapshot | undefined;
  return stepsOf(trace).map(({ time, event, value, context }, index) => {
    let reached: Pick<Snapshot, "value" | "context">;
    let state: string;
    try {
      // A trace may have lost its beginning: its first state cannot be confirmed.
      if (snapshot) [snapshot] = transition(learnerMachine(), snapshot, event as ChartEvent);
      else snapshot = learnerMachine().resolveState({ value: value as never, context });
      reached = { value: snapshot.value, context: snapshot.context };
      state = stateName(reached.value);
    } catch (error) {
      throw new ReplayError(index, "the machine must accept it: it does not", { cause: error });
    }
    const recorded = { value, context };
    if (!isContext(context) || typeof time !== "number" || !equals(reached, recorded)) {
      throw new ReplayError(
        index,
        `the machine must be in ${show(reached)} after ${event?.type}: the trace says ${
          show(recorded)
        }`,
      );
    }
    return { time, event, state, context };
  });
}

/** The steps of a trace, whose fields are yet to be checked. */
function stepsOf(trace: unknown): TracedStep[] {
  const json = isObject(trace) && typeof trace.toJSON === "function" ? trace.toJSON() : trace;
  const events = isObject(json) ? json.traceEvents : undefined;
  if (!Array.isArray(events)) {
    throw new ReplayError(
      -1,
      `traceEvents must be an array: current value is ${describeValue(events)}`,
    );
  }
  const wrong = events.findIndex((event) => !isObject(event));
  if (wrong >= 0) {
    throw new ReplayError(
      -1,
      `traceEvents[${wrong}] must be an object: current value is ${describeValue(events[wrong])}`,
    );
  }
  return events.filter(({ cat }) => cat === "step")
    .map(({ ts, args }): TracedStep => ({ time: ts, ...args }));
}

/** Whether the first context of a trace, which the machine cannot confirm, has the right types. */
function isContext(context: unknown): boolean {
  if (!isObject(context)) return false;
  const { epoch, epochs, batch, hold, cancelled, error } = context;
  return [epoch, epochs, batch].every((count) => typeof count === "number") &&
    typeof hold === "boolean" && Array.isArray(cancelled) &&
    (error === null || typeof error === "string");
}

function show(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return describeValue(value); // circular, and so no trace
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Whether two pieces of plain data are equal; the order of fields does not matter. */
function equals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => equals(a[name], b[name]));
}
