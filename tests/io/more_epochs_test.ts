import { assertEquals } from "@std/assert";
import {
  CancelTrain,
  EarlyStopping,
  type Learner,
  LearningRateSchedule,
  type RunCheckpoint,
} from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { type Heard, inOneLine, recorder } from "../fixtures/recorded_hooks.ts";
import { numbersOf, tinyLearner, type TinyOptions } from "../fixtures/tiny_learner.ts";

/** A training of some epochs, and the checkpoints of the hooks at its end. */
async function trained(epochs: number, options: TinyOptions, more: object[] = []) {
  const ends: Record<string, RunCheckpoint> = {};
  const take = (hook: string) => async (learner: Learner) => {
    ends[hook] = await learner.checkpoint();
  };
  const { learner, model, dispose } = tinyLearner({
    ...options,
    callbacks: [
      ...more as never[],
      { priority: 950, afterTrain: take("afterTrain"), afterTest: take("afterTest") },
    ],
  });
  const result = await learner.train({ epochs });
  const weights = numbersOf(model);
  dispose();
  return { ends, result, weights };
}

for (const sizes of [{ train: 3, validation: 1 }, { train: 3, validation: 1, test: 1 }]) {
  const name = Object.keys(sizes).join(", ");
  testTensors(`a finished run with the loaders ${name} continues with more epochs`, async () => {
    const options = { kind: "classes", sizes } as const;
    const whole = await trained(5, options);
    const { ends, result } = await trained(2, options);
    assertEquals(result.epochs, 2);
    assertEquals(Object.keys(ends).length, Object.keys(sizes).length - 1);
    for (const [hook, from] of Object.entries(ends)) {
      const heard: Heard[] = [];
      const { learner, model, dispose } = tinyLearner({ ...options, callbacks: [recorder(heard)] });
      const { status, epochs, trainLoss } = await learner.train({ from, epochs: 5 });
      assertEquals([status, epochs, trainLoss], ["completed", 5, whole.result.trainLoss], hook);
      assertEquals(numbersOf(model), whole.weights, hook);
      const hooks = inOneLine(heard).split(" ");
      assertEquals(hooks[0], "beforeEpoch");
      assertEquals(hooks.filter((hook) => hook === "beforeEpoch").length, 3);
      assertEquals(hooks.filter((hook) => hook === "afterTrain").length, 1);
      assertEquals(hooks.includes("beforeTest"), "test" in sizes);
      dispose();
    }
  });
}

testTensors("a finished run with as many epochs trains no more", async () => {
  const options = { kind: "classes", sizes: { train: 2 } } as const;
  const { ends, weights } = await trained(2, options);
  for (const epochs of [undefined, 1, 2]) {
    const { learner, model, dispose } = tinyLearner(options);
    await learner.train({ from: ends.afterTrain, epochs });
    assertEquals(numbersOf(model), weights);
    dispose();
  }
});

testTensors("a run that was cancelled stays cancelled when it is resumed", async () => {
  const options = { kind: "classes", sizes: { train: 2 } } as const;
  const cancel = {
    afterEpoch() {
      throw new CancelTrain("enough");
    },
  };
  const stop = { afterBatch: () => Promise.reject(new CancelTrain("enough")) };
  for (const callback of [cancel, stop]) {
    const { ends } = await trained(3, options, [callback]);
    const { learner, dispose } = tinyLearner(options);
    const { status, reason } = await learner.train({ from: ends.afterTrain, epochs: 9 });
    assertEquals([status, reason], ["cancelled", "enough"]);
    dispose();
  }
});

testTensors("schedules and early stopping continue in a run that is made longer", async () => {
  const options = { kind: "classes", sizes: { train: 3, validation: 1 } } as const;
  const rate = new LearningRateSchedule(() => 0.05, { by: "epoch" });
  const callbacks = () => [rate, new EarlyStopping({ patience: 9 })];
  const whole = await trained(5, options, callbacks());
  const { ends } = await trained(2, options, callbacks());
  const { learner, model, dispose } = tinyLearner({ ...options, callbacks: callbacks() });
  await learner.train({ from: ends.afterTrain, epochs: 5 });
  assertEquals(numbersOf(model), whole.weights);
  dispose();
});
