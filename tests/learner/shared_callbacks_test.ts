import { assertEquals, assertRejects } from "@std/assert";
import { Callback, Recorder } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { Line, tinyLearner } from "../fixtures/tiny_learner.ts";

testTensors("a callback with a state takes part in one run at a time", async () => {
  using model = new Line();
  using other = new Line();
  const recorder = new Recorder();
  const { learner: first } = tinyLearner({ model, callbacks: [recorder] });
  const { learner: second } = tinyLearner({ model: other, callbacks: [recorder] });
  let error: unknown;
  first.callbacks.push({
    async afterEpoch({ epoch }) {
      if (epoch > 0) return;
      error = await assertRejects(
        () => second.train(),
        Error,
        "Cannot train: Recorder takes part in a run of another Learner. Give each Learner a callback",
      );
      await assertRejects(() => second.validate(), Error, "Cannot validate: Recorder takes part");
    },
  });
  await first.train({ epochs: 2 });
  assertEquals(error instanceof Error, true);
  assertEquals(recorder.history.epochs.length, 2);
  // Afterwards it serves the other, also after errors, and in trainings that begin together.
  await second.train({ epochs: 1 });
  assertEquals(recorder.history.epochs.length, 1);
  const ends = await Promise.allSettled([first.train({ epochs: 3 }), second.train({ epochs: 3 })]);
  assertEquals(ends.map(({ status }) => status), ["fulfilled", "rejected"]);
  assertEquals(recorder.history.epochs.length, 3);
});

testTensors(
  "a callback that is added in the middle of two runs is refused by the second",
  async () => {
    using model = new Line();
    using other = new Line();
    class Own extends Callback {}
    const own = new Own();
    const add = {
      afterBatch: (learner: { callbacks: unknown[] }) => {
        if (!learner.callbacks.includes(own)) learner.callbacks.push(own);
      },
    };
    // Hooks alone have no state: they may serve several runs at once.
    const { learner: first } = tinyLearner({ model, callbacks: [add] });
    const { learner: second } = tinyLearner({ model: other, callbacks: [add] });
    const ends = await Promise.allSettled([
      first.train({ epochs: 9 }),
      second.train({ epochs: 9 }),
    ]);
    assertEquals(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  },
);
