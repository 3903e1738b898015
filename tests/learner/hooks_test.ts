import { assert, assertEquals } from "@std/assert";
import { type CallbackLike, CancelBatch, type Learner } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { onEveryHook } from "../fixtures/recorded_hooks.ts";
import { Line, loaders, tinyLearner } from "../fixtures/tiny_learner.ts";

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

testTensors(
  "Learner.train() calls the hooks in order and tells phase, epoch and batchIndex",
  async () => {
    using model = new Line();
    const seen: string[] = [];
    const record = onEveryHook((hook, { phase, epoch, batchIndex }) =>
      void seen.push(`${hook} ${phase} ${epoch} ${batchIndex}`)
    );
    const { learner } = tinyLearner({ model, callbacks: [record] });
    await learner.train({ epochs: 2, validationEpochs: 2 });
    const batch = (epoch: number, index: number) =>
      ["beforeBatch", "afterPredict", "afterLoss", "afterBackward", "beforeStep", "afterStep"]
        .concat("afterBatch").map((hook) => `${hook} train ${epoch} ${index}`);
    const evaluated = (name: string, phase: string, epoch: number) =>
      [`before${name}Batch`, "afterPredict", "afterLoss", `after${name}Batch`]
        .map((hook) => `${hook} ${phase} ${epoch} 0`);
    assertEquals(seen, [
      "beforeTrain train 0 -1",
      "beforeEpoch train 0 -1",
      ...batch(0, 0),
      ...batch(0, 1),
      "afterEpoch train 0 1",
      "beforeEpoch train 1 -1",
      ...batch(1, 0),
      ...batch(1, 1),
      "afterEpoch train 1 1",
      "beforeValidate validate 1 -1",
      ...evaluated("Validation", "validate", 1),
      "afterValidate validate 1 0",
      "afterTrain train 2 0",
      "beforeTest test 2 -1",
      ...evaluated("Test", "test", 2),
      "afterTest test 2 0",
    ]);
    assertEquals(learner.phase, "idle");
    seen.length = 0;
    await learner.train();
    assertEquals(seen.slice(0, 2), ["beforeTrain train 0 -1", "beforeEpoch train 0 -1"]);
  },
);

testTensors("Learner.train() sets each field of a batch from its hook on", async () => {
  using model = new Line();
  const first: Record<string, string> = {};
  const fields = ["data", "labels", "predictions", "loss", "gradients"] as const;
  const record = onEveryHook((hook, learner) => {
    for (const field of fields) {
      if (learner[field] !== undefined) first[field] ??= hook;
    }
    if (hook === "afterEpoch" || hook === "beforeEpoch") {
      assert(fields.every((field) => learner[field] === undefined), `${hook} sees a batch`);
    }
  });
  await tinyLearner({ model, callbacks: [record] }).learner.train();
  assertEquals(first, {
    data: "beforeBatch",
    labels: "beforeBatch",
    predictions: "afterPredict",
    loss: "afterLoss",
    gradients: "afterBackward",
  });
});

testTensors(
  "Learner.train() calls callbacks by ascending priority, ties in order of addition",
  async () => {
    using model = new Line();
    const seen: string[] = [];
    const named = (name: string, priority?: number): CallbackLike => ({
      priority,
      afterBatch: () => void seen.push(name),
      afterLoss: () => void seen.push(name.toUpperCase()),
    });
    const callbacks = [named("e", 2.5), named("b"), named("c", 0), named("a", -1), named("d", 2)];
    await tinyLearner({ model, callbacks, dataloaders: { train: loaders({ train: [1] }).train } })
      .learner
      .train();
    assertEquals(seen.join(""), "ABCDEabcde");
  },
);

testTensors("Learner.train() awaits asynchronous hooks one after another", async () => {
  using model = new Line();
  const seen: string[] = [];
  let open = 0;
  const slow = (name: string, priority: number): CallbackLike => {
    const hook = (when: string) => async () => {
      assertEquals(open++, 0, "two hooks at once");
      seen.push(`${name}:${when}`);
      await tick();
      open--;
    };
    return {
      priority,
      beforeTrain: hook("beforeTrain"),
      afterBackward: hook("afterBackward"),
      afterStep: hook("afterStep"),
      afterBatch: hook("afterBatch"),
      afterTrain: hook("afterTrain"),
    };
  };
  await tinyLearner({
    model,
    callbacks: [slow("b", 1), slow("a", 0)],
    dataloaders: { train: loaders({ train: [1] }).train },
  }).learner.train();
  assertEquals(
    seen,
    ["beforeTrain", "afterBackward", "afterStep", "afterBatch", "afterTrain"]
      .flatMap((when) => [`a:${when}`, `b:${when}`]),
  );
});

testTensors(
  "Learner.callbacks may be pushed to, removed from and reordered inside a hook",
  async () => {
    using model = new Line();
    const seen: string[] = [];
    const late: CallbackLike = { name: "late", afterBatch: () => void seen.push("late") };
    const first: CallbackLike = {
      afterBatch({ batchIndex, callbacks }) {
        seen.push(`first${batchIndex}`);
        if (batchIndex === 0) callbacks.push(late);
        if (batchIndex === 1) late.priority = -1;
        if (batchIndex === 2) callbacks.splice(callbacks.indexOf(late), 1);
      },
      beforeBatch(learner: Learner) {
        if (learner.batchIndex === 4) learner.callbacks = [];
      },
    };
    const train = loaders({ train: [1, 1, 1, 1, 1] }).train;
    const { learner } = tinyLearner({ model, callbacks: [first], dataloaders: { train } });
    await learner.train();
    assertEquals(seen, ["first0", "first1", "late", "late", "first2", "first3"]);
  },
);

testTensors(
  "Learner.cancelled tells after hooks what was cut short, until it is entered again",
  async () => {
    using model = new Line();
    const seen: boolean[] = [];
    const { learner } = tinyLearner({
      model,
      callbacks: [{
        beforeBatch({ batchIndex }) {
          if (batchIndex === 0) throw new CancelBatch();
        },
        afterBatch: ({ cancelled }) => void seen.push(cancelled.has("batch")),
      }],
    });
    await learner.train();
    assertEquals(seen, [true, false]);
  },
);
