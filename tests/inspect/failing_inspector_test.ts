import { assertEquals, assertRejects } from "@std/assert";
import { inspector } from "../../inspect.ts";
import type { RunOptions } from "../../mod.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

/** Counts the warnings while something runs. */
async function warningsOf(run: () => Promise<void>): Promise<number> {
  let count = 0;
  const { warn } = console;
  console.warn = () => void count++;
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return count;
}

const boom = () => {
  throw new Error("boom");
};

/** Inspectors that fail at their n-th event. */
const failing: Record<string, (at: number) => NonNullable<RunOptions["inspect"]>> = {
  "a function": (at) => () => at-- === 0 ? boom() : undefined,
  "an observer": (at) => ({ next: () => at-- === 0 ? boom() : undefined }),
  "an asynchronous function": (at) => async () => {
    await Promise.resolve();
    if (at-- === 0) boom();
  },
};

for (const [name, make] of Object.entries(failing)) {
  Deno.test(`train() continues when ${name} that inspects it throws`, async () => {
    for (const at of [0, 1, 2, 7, 40, 90]) {
      const hooks: string[] = [];
      const warnings = await warningsOf(() =>
        assertNoTensorsLeft(async () => {
          const { learner, dispose } = tinyLearner({
            sizes: { train: 5, validation: 2, test: 1 },
            callbacks: [{
              afterEpoch: () => void hooks.push("afterEpoch"),
              afterTrain: () => void hooks.push("afterTrain"),
              afterTest: () => void hooks.push("afterTest"),
            }],
          });
          const { status } = await learner.train({ epochs: 2, inspect: make(at) });
          assertEquals(status, "completed");
          dispose();
        })
      );
      assertEquals(hooks, ["afterEpoch", "afterEpoch", "afterTrain", "afterTest"], `at ${at}`);
      assertEquals(warnings, 1, `at ${at}`);
    }
  });
}

Deno.test("train() refuses an inspect that can take no event", async () => {
  const { learner, dispose } = tinyLearner({ sizes: { train: 1 } });
  for (const inspect of [5, null, {}, { next: 1 }, "http://localhost"]) {
    await assertRejects(
      () => learner.train({ inspect: inspect as never }),
      TypeError,
      "Cannot train as inspect must be a function, or an observer with a method next",
    );
  }
  dispose();
});

Deno.test("inspector() at an address that cannot be one warns, and the run continues", async () => {
  const warnings = await warningsOf(async () => {
    const { learner, dispose } = tinyLearner({ sizes: { train: 2 } });
    const inspect = inspector({ url: "not an address" });
    assertEquals((await learner.train({ inspect })).status, "completed");
    await inspect.stop();
    dispose();
  });
  assertEquals(warnings, 1);
});
