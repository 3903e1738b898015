import { assertEquals } from "@std/assert";
import {
  accuracy,
  type CallbackLike,
  type Learner,
  Metrics,
  type RunCheckpoint,
} from "../../mod.ts";
import { ConfusionMatrix } from "../../callbacks.ts";
import { f1 } from "../../metrics.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

const sizes = { train: 5, validation: 2 };
const phases = ["train", "validation"] as const;

function callbacks(): CallbackLike[] {
  return [new Metrics({ accuracy, f1: f1() }), new ConfusionMatrix({ phases })];
}

/** Values of metrics and of a matrix after each pass. */
async function measured(options: object, more: CallbackLike[] = []) {
  const rows: [string, Record<string, number>, number[][]][] = [];
  const [metrics, matrix] = callbacks();
  const after = (pass: string) => ({ metrics }: Learner) => {
    const own = Object.entries(metrics).filter(([name]) => name.startsWith(pass));
    rows.push([pass, Object.fromEntries(own), (matrix as ConfusionMatrix).counts]);
  };
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    sizes,
    callbacks: [
      ...[metrics, matrix],
      { priority: 900, afterEpoch: after("train"), afterValidate: after("validation") },
      ...more,
    ],
  });
  await learner.train(options);
  dispose();
  return rows;
}

testTensors("what measures an epoch is not disturbed by a validation within it", async () => {
  const plain = await measured({ epochs: 2 });
  const within = await measured({ epochs: 2, validationBatches: 2 });
  const epochs = (rows: typeof plain) => rows.filter(([pass]) => pass === "train");
  assertEquals(epochs(within), epochs(plain));
  assertEquals(within.length, 8);
});

testTensors("what measures resumes bit for bit within a validation within an epoch", async () => {
  const taken: [RunCheckpoint, number][] = [];
  let rows = 0;
  const take = async (learner: Learner) => void taken.push([await learner.checkpoint(), rows]);
  const expected = await measured({ epochs: 2, validationBatches: 2 }, [{
    priority: 950,
    afterValidationBatch: take,
    afterValidate: () => void rows++,
    afterEpoch: () => void rows++,
    afterBatch: take,
  }]);
  assertEquals(taken.length > 15, true);
  for (const [from, done] of taken) {
    assertEquals(await measured({ from }), expected.slice(done));
  }
});
