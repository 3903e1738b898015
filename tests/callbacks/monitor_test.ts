import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { accuracy, type CallbackLike, Metrics, PRIORITIES } from "../../mod.ts";
import { Monitor } from "../../callbacks.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

function watch(monitor: Monitor, values: (number | undefined)[]): CallbackLike {
  return {
    name: "Watch",
    priority: PRIORITIES.stopping,
    beforeTrain: (learner) => monitor.begin(learner),
    afterEpoch: (learner) => void values.push(monitor.read(learner, "afterEpoch")),
    afterValidate: (learner) => void values.push(monitor.read(learner, "afterValidate")),
  };
}

Deno.test("Monitor.begin() lists the known metrics when it refuses one", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new Metrics({ accuracy }),
      watch(new Monitor("Watch", { monitor: "validation.acuracy", mode: "max" }), []),
    ],
  });
  const error = await assertRejects(() => learner.train(), TypeError);
  assertEquals(
    error.message,
    'Cannot monitor "validation.acuracy" with Watch as it must be one of train.loss, ' +
      "validation.loss, train.accuracy, validation.accuracy: " +
      'did you mean "validation.accuracy"?',
  );
  assertEquals(learner.batchIndex, -1);
  dispose();
});

Deno.test("Monitor.begin() knows no metric of validation without a validation loader", async () => {
  const { learner, dispose } = tinyLearner({ callbacks: [watch(new Monitor("Watch"), [])] });
  delete learner.dataloaders.validation;
  await assertRejects(() => learner.train(), TypeError, "must be one of train.loss: did you mean");
  dispose();
});

Deno.test("Monitor.read() returns each value once, in its hook, for complete passes of a training", async () => {
  for (const name of ["train.loss", "validation.loss"]) {
    const values: (number | undefined)[] = [];
    const { learner, dispose } = tinyLearner({
      callbacks: [
        watch(new Monitor("Watch", { monitor: name }), values),
        {
          beforeBatch: ({ epoch }) => void (epoch === 1 && learner.cancel("epoch")),
          beforeValidationBatch: ({ epoch }) => void (epoch === 1 && learner.cancel("epoch")),
        },
      ],
    });
    await learner.train({ epochs: 3 });
    const known = values.map((value) => value !== undefined);
    const first = name === "train.loss";
    assertEquals(known, [first, !first, false, false, first, !first]);
    assert(values.every((value) => value === undefined || value > 0));
    values.length = 0;
    await learner.validate();
    assertEquals(values, [undefined]);
    dispose();
  }
});

Deno.test("Monitor.read() refuses a metric that was announced but not measured", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      { metricNames: ["train.score"] },
      watch(new Monitor("Watch", { monitor: "train.score", mode: "max" }), []),
    ],
  });
  await assertRejects(() => learner.train(), TypeError, "must be measured by afterEpoch");
  dispose();
});

Deno.test("Monitor.mode is known for the usual metrics", () => {
  const modes = ["train.loss", "validation.mae", "validation.accuracy", "validation.f1", "train.r2"]
    .map((monitor) => new Monitor("Watch", { monitor }).mode);
  assertEquals(modes, ["min", "min", "max", "max", "max"]);
  assertThrows(
    () => new Monitor("Watch", { monitor: "train.score" }),
    TypeError,
    'mode must be "min" or "max" for a metric that is not known: current value is undefined',
  );
  assertThrows(
    () => new Monitor("Watch", { monitor: "validation.acuracy" }),
    TypeError,
    'did you mean "validation.accuracy"?',
  );
  assertThrows(() => new Monitor("Watch", { monitor: "loss" }), TypeError, '"train." or');
  assertThrows(() => new Monitor("Watch", { minDelta: -1 }), RangeError, "minDelta must be");
});

Deno.test("Monitor.improves() needs more than minDelta, and NaN never does", () => {
  const monitor = new Monitor("Watch", { monitor: "train.accuracy", minDelta: 0.5 });
  const improved = [NaN, 1, 1.5, 1.75, NaN, 1.8, 3].map((value) => monitor.improves(value));
  assertEquals(improved, [false, true, false, true, false, false, true]);
  assertEquals(monitor.best, 3);
});

Deno.test("Learner.describe() lists callbacks per hook in the order in which they run", () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      { name: "Late", priority: 500, afterEpoch() {} },
      { name: "Early", priority: -200, beforeTrain() {}, afterEpoch() {} },
      { name: "Own", afterEpoch() {}, onError() {} },
    ],
  });
  assertEquals(
    learner.describe(),
    "beforeTrain  Early (-200)\n" +
      "afterEpoch   Early (-200), Own (0), Late (500)\n" +
      "onError      Own (0)",
  );
  learner.callbacks = [];
  assertEquals(learner.describe(), "");
  dispose();
});

Deno.test("Learner.limits end each pass early, and Learner.batchCount() respects them", async () => {
  const seen: string[] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [{
      afterBatch: ({ batchIndex }) => void seen.push(`train ${batchIndex}`),
      afterValidationBatch: ({ batchIndex }) => void seen.push(`validation ${batchIndex}`),
      afterTestBatch: ({ batchIndex }) => void seen.push(`test ${batchIndex}`),
    }],
  });
  learner.limits = { train: 2, validation: 1 };
  assertEquals(learner.batchCount("train"), 2);
  assertEquals(learner.batchCount("test"), 1);
  const { status } = await learner.train();
  assertEquals(status, "completed");
  assertEquals(seen, ["train 0", "train 1", "validation 0", "test 0"]);
  dispose();
});
