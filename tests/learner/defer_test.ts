import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelTrain } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, tinyLearner } from "../fixtures/tiny_learner.ts";

const ENDS: [string, (log: string[]) => object, "completed" | "cancelled" | "failed"][] = [
  ["ends", () => ({}), "completed"],
  [
    "is cancelled",
    () => ({
      beforeBatch() {
        throw new CancelTrain("enough");
      },
    }),
    "cancelled",
  ],
  [
    "fails",
    () => ({
      afterLoss() {
        throw new Error("broken");
      },
    }),
    "failed",
  ],
  [
    "fails to start",
    () => ({ prepare: () => Promise.reject(new Error("broken")) }),
    "failed",
  ],
];

for (const [name, end, status] of ENDS) {
  testTensors(`Learner.defer() does its work last first when a run ${name}`, async () => {
    using model = new Line();
    const log: string[] = [];
    const callback = (name: string) => ({
      name,
      prepare(learner: { defer(work: () => void | Promise<void>): void; phase: string }) {
        learner.defer(async () => {
          await Promise.resolve();
          log.push(`${name} in ${learner.phase}`);
        });
      },
      afterTest: () => void log.push(`afterTest of ${name}`),
    });
    const { learner } = tinyLearner({
      model,
      callbacks: [callback("first"), callback("second"), end(log)],
      dataloaders: { train: () => batches(1), test: () => batches(1) },
    });
    for (let run = 0; run < 2; run++) {
      log.length = 0;
      const ended = await learner.train().then(({ status }) => status, () => "failed");
      assertEquals(ended, status);
      const undone = ["second in idle", "first in idle"];
      const tested = ["afterTest of first", "afterTest of second"];
      assertEquals(log, status === "failed" ? undone : [...tested, ...undone]);
    }
  });
}

testTensors("Learner.defer() does all deferred work when a part of it throws", async () => {
  using model = new Line();
  const log: string[] = [];
  const { learner } = tinyLearner({
    model,
    callbacks: [{
      beforeTrain(learner) {
        learner.defer(() => void log.push("first"));
        learner.defer(() => {
          throw new Error("cannot be put back");
        });
        learner.defer(() => void log.push("third"));
      },
    }],
    dataloaders: { train: () => batches(1) },
  });
  await assertRejects(() => learner.train(), Error, "cannot be put back");
  assertEquals(log, ["third", "first"]);
  learner.callbacks.push({
    beforeTrain() {
      throw new Error("broken");
    },
  });
  await assertRejects(() => learner.train(), Error, "broken");
  learner.callbacks = [];
  assertEquals((await learner.train()).status, "completed");
});

testTensors("Learner.defer() is refused where no run is in progress", async () => {
  using model = new Line();
  const { learner } = tinyLearner({ model, dataloaders: { train: () => batches(1) } });
  assertThrows(() => learner.defer(() => {}), Error, "Cannot defer work: no run of this Learner");
  await learner.train();
  assertThrows(() => learner.defer(() => {}), Error, "Cannot defer work: no run of this Learner");
});
