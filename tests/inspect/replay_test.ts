import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { Trace } from "../../callbacks.ts";
import { replay, ReplayError } from "../../inspect.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

/** Values that are no traces, and what is said of them. */
const noTraces: [unknown, string][] = [
  [null, "traceEvents must be an array: current value is undefined"],
  [undefined, "traceEvents must be an array: current value is undefined"],
  [7, "traceEvents must be an array"],
  ["trace", "traceEvents must be an array"],
  [[], "traceEvents must be an array"],
  [{}, "traceEvents must be an array"],
  [{ toJSON: 1 }, "traceEvents must be an array"],
  [{ toJSON: () => null }, "traceEvents must be an array"],
  [{ traceEvents: null }, "traceEvents must be an array: current value is null"],
  [{ traceEvents: { length: 1 } }, "traceEvents must be an array"],
  [{ traceEvents: [null] }, "traceEvents[0] must be an object: current value is null"],
  [{ traceEvents: [{ cat: "hook" }, "step"] }, "traceEvents[1] must be an object"],
];

Deno.test("replay() throws a ReplayError for values that are no traces", () => {
  for (const [value, message] of noTraces) {
    const error = assertThrows(() => replay(value as never), ReplayError, "Cannot replay a trace");
    assertEquals([error.index, error.message.includes(message)], [-1, true], error.message);
  }
});

/** A run, traced and saved. */
async function savedTrace() {
  const trace = new Trace();
  const { learner, dispose } = tinyLearner({ sizes: { train: 2 }, callbacks: [trace] });
  await learner.train();
  dispose();
  return JSON.parse(JSON.stringify(trace));
}

Deno.test("replay() throws a ReplayError wherever one field of a step is not its own", async () => {
  const saved = await assertNoTensorsLeft(savedTrace);
  const steps = replay(saved).length;
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const wrong = [undefined, null, 7, NaN, "x", [], {}, "__proto__", { __proto__: null }, circular];
  for (const field of ["ts", "args", "event", "value", "context"] as const) {
    for (const [which, value] of wrong.entries()) {
      for (const index of [0, 3, steps - 1]) {
        if (field === "ts" && typeof value === "number") continue;
        if (field === "event" && index === 0) continue; // the first event cannot be confirmed
        const copy = structuredClone(saved);
        // deno-lint-ignore no-explicit-any -- the fields are not to be of the right type
        const step = copy.traceEvents.filter(({ cat }: any) => cat === "step")[index];
        if (field === "ts" || field === "args") step[field] = value;
        else step.args[field] = value;
        const error = assertThrows(() => replay(copy));
        assertInstanceOf(error, ReplayError, `${field} of step ${index}, value ${which}`);
        assertEquals(error.index, index);
      }
    }
  }
});
