import { assertEquals } from "@std/assert";
import {
  accuracy,
  type CallbackLike,
  EarlyStopping,
  type Learner,
  Metrics,
  ProgressBar,
  Recorder,
  type RunCheckpoint,
  type tf,
} from "../../mod.ts";
import { ConfusionMatrix, WeightAverage } from "../../callbacks.ts";
import { f1 } from "../../metrics.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

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

for (const method of ["ema", "swa"] as const) {
  testTensors(`WeightAverage (${method}) trains no average after a validation within`, async () => {
    const ends: number[][] = [];
    for (const validationBatches of [undefined, 2]) {
      const { learner, model, dispose } = tinyLearner({
        sizes,
        callbacks: [new WeightAverage({ method, startEpoch: 0 })],
      });
      await learner.train({ epochs: 2, validationBatches });
      ends.push(numbersOf(model));
      dispose();
    }
    assertEquals(ends[1], ends[0]);
  });
}

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

testTensors("the recorder and the table keep validations within epochs apart", async () => {
  const recorder = new Recorder();
  const lines: string[] = [];
  const bar = new ProgressBar({ write: (text: string) => void lines.push(text) });
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    sizes: { train: 4, validation: 1 },
    callbacks: [recorder, bar],
  });
  await learner.train({ epochs: 2, validationBatches: 2 });
  const { epochs, validations } = recorder.history;
  assertEquals(validations!.map(({ step, epoch }) => [step, epoch]), [[2, 0], [4, 0], [6, 1], [
    8,
    1,
  ]]);
  for (const [index, { metrics }] of epochs.entries()) {
    // The validation after the last batch is that of the epoch: it is not repeated.
    const { metrics: last } = validations![2 * index + 1];
    assertEquals(metrics["validation.loss"], last["validation.loss"]);
  }
  const rows = lines.join("").split("\n").filter((line) => /^ +\d/.test(line));
  assertEquals(rows.map((row) => row.trim().split(/ +/)[0]), ["1", "2"]);
  assertEquals(rows.some((row) => / - /.test(row)), false, rows.join());
  dispose();
});

testTensors("EarlyStopping counts validations within epochs", async () => {
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 9, validation: 1 },
    lossFunction: (predictions: tf.Tensor) => predictions.mul(0).mean(),
    callbacks: [new EarlyStopping({ monitor: "validation.loss", patience: 2 })],
  });
  const { status } = await learner.train({ epochs: 3, validationBatches: 2 });
  assertEquals([status, learner.epoch, learner.trainedBatches], ["cancelled", 0, 6]);
});
