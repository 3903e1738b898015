import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import process from "node:process";
import { FakeTime } from "@std/testing/time";
import {
  accuracy,
  type AnyLearner,
  CancelEpoch,
  CancelTrain,
  Learner,
  Metrics,
  ProgressBar,
  tf,
} from "../../mod.ts";

/** A learner of two batches of two, that shows itself in `texts`. */
function learnerOf(live: boolean, texts: string[], more: object[] = []) {
  const weight = tf.variable(tf.tensor2d([[1, -1]]));
  const batch = () => [tf.tensor2d([[1], [2]]), tf.tensor1d([0, 1], "int32")] as const;
  const batches = function* () {
    yield batch();
    yield batch();
  };
  const learner = new Learner({
    model: { apply: (x: tf.Tensor) => tf.matMul(x, weight), trainableVariables: [weight] },
    optimizer: tf.train.sgd(0.1),
    lossFunction: (predictions) => predictions.square().mean(),
    dataloaders: { train: batches, validation: batches, test: batches },
    callbacks: [
      new Metrics({ accuracy }),
      new ProgressBar({ live, write: (text) => texts.push(text) }),
      ...more,
    ],
  });
  return { learner, weight };
}

Deno.test("ProgressBar writes plain lines only where the output is not a terminal", async () => {
  const texts: string[] = [];
  const { learner, weight } = learnerOf(false, texts);
  const before = tf.memory().numTensors;
  await learner.train({ epochs: 2 });
  assertEquals(tf.memory().numTensors, before);
  const lines = texts.join("").split("\n");
  assertEquals(lines[0].trim().split(/ {2,}/), [
    "epoch",
    "train loss",
    "validation loss",
    "validation accuracy",
    "time",
  ]);
  assertMatch(lines[1], /^ +1 +\d\.\d{4} +\d\.\d{4} +0\.5000 +0:00$/);
  assertMatch(lines[2], /^ +2 +\d\.\d{4} +\d\.\d{4} +0\.5000 +0:00$/);
  assertMatch(lines[3], /^test: loss \d\.\d{4}, accuracy 0\.5000$/);
  assert(!texts.join("").includes("\x1b"));
  weight.dispose();
});

Deno.test("ProgressBar draws a bar with loss, speed and time left, and removes it", async () => {
  const texts: string[] = [];
  using time = new FakeTime();
  const wait = { priority: 400, afterBatch: () => time.tick(1000) };
  const { learner, weight } = learnerOf(true, texts, [wait]);
  const [one, two] = [...(learner.dataloaders.train as () => Iterable<never>)()];
  learner.dataloaders.train = [one, two];
  const draw = spy((_: AnyLearner) => {});
  learner.callbacks.push({ priority: 501, afterBatch: draw });
  await learner.train();
  assertSpyCalls(draw as never, 2);
  assertStringIncludes(
    texts[0],
    `\r\x1b[2Kepoch 1/1  ${"━".repeat(12)}${"─".repeat(12)}  1/2  2 ex`,
  );
  assertMatch(texts[0], /0:01 left$/);
  const second = texts.find((text) => text.includes("2/2"))!;
  assertMatch(second, /━{24} {2}2\/2 {2}2 examples\/s {2}loss \d\.\d{4} {2}0:00 left$/);
  assertEquals(texts.filter((text) => text === "\r\x1b[2K").length >= 1, true);
  tf.dispose([one, two]);
  weight.dispose();
});

Deno.test("ProgressBar draws a bar that fits into the terminal", async () => {
  using time = new FakeTime();
  const { stdout } = process;
  const old = Object.getOwnPropertyDescriptor(stdout, "columns");
  const draw = async (columns: number) => {
    const texts: string[] = [];
    Object.defineProperty(stdout, "columns", { value: columns, configurable: true });
    const wait = { priority: 400, afterBatch: () => time.tick(1000) };
    const { learner, weight } = learnerOf(true, texts, [wait]);
    const batches = [...(learner.dataloaders.train as () => Iterable<never>)()];
    learner.dataloaders.train = batches;
    await learner.train();
    tf.dispose([batches, weight]);
    const second = texts.find((text) => text.includes("2/2"))!;
    return second.slice("\r\x1b[2K".length).replace(/\d\.\d{4}/, "0.1234");
  };
  const bar = (length: number) => "━".repeat(length);
  const rest = "2/2  2 examples/s  loss 0.1234  0:00 left";
  try {
    assertEquals(await draw(200), `epoch 1/1  ${bar(24)}  ${rest}`);
    assertEquals(await draw(67), `epoch 1/1  ${bar(12)}  ${rest}`);
    assertEquals(await draw(55), `epoch 1/1  ${bar(14)}  2/2  loss 0.1234  0:00 left`);
    assertEquals(await draw(42), "epoch 1/1  2/2  loss 0.1234  0:00 left");
    assertEquals(await draw(20), "epoch 1/1  2/2  los");
  } finally {
    if (old) Object.defineProperty(stdout, "columns", old);
    else delete (stdout as { columns?: number }).columns;
  }
});

Deno.test("ProgressBar shows a validation in the rows of its own epochs only", async () => {
  const texts: string[] = [];
  const { learner, weight } = learnerOf(false, texts);
  await learner.train({ epochs: 4, validationEpochs: 2 });
  const rows = texts.join("").split("\n").slice(0, 5).map((line) => line.trim().split(/ {2,}/));
  assertEquals(rows.map((row) => row.length), [5, 5, 5, 5, 5]);
  assertEquals(rows[0].slice(2, 4), ["validation loss", "validation accuracy"]);
  assertEquals(rows.slice(1).map((row) => row[2] === "-"), [true, false, true, false]);
  assertEquals(rows.slice(1).map((row) => row[3] === "-"), [true, false, true, false]);
  weight.dispose();
});

for (const [Cancel, rows] of [[CancelEpoch, 3], [CancelTrain, 0]] as const) {
  Deno.test(`ProgressBar after ${Cancel.name} in a batch writes ${rows} rows`, async () => {
    const texts: string[] = [];
    const stop = {
      afterBatch() {
        throw new Cancel("enough");
      },
    };
    const { learner, weight } = learnerOf(false, texts, [stop]);
    const before = tf.memory().numTensors;
    await learner.train({ epochs: 3 });
    assertEquals(tf.memory().numTensors, before);
    assertEquals(texts.join("").split("\n").filter((line) => /^ +\d/.test(line)).length, rows);
    weight.dispose();
  });
}

Deno.test("ProgressBar leaves out a validation that a cancelled training has cut short", async () => {
  const texts: string[] = [];
  const stop = {
    afterValidationBatch() {
      throw new CancelTrain("enough");
    },
  };
  const { learner, weight } = learnerOf(false, texts, [stop]);
  await learner.train({ epochs: 3 });
  const [, row] = texts.join("").split("\n");
  assertMatch(row, /^ +1 +\d\.\d{4} +- +- +0:00$/);
  weight.dispose();
});

/** The table of two losses and `count` metrics of validation. */
async function tableOf(count: number): Promise<string[]> {
  const texts: string[] = [];
  const names = ["accuracy", "precision", "recall", "f1", "auc", "top2", "balancedAccuracy"];
  const { learner, weight } = learnerOf(false, texts);
  const more = Object.fromEntries(names.slice(1, count).map((name) => [name, accuracy]));
  learner.callbacks.push(new Metrics(more));
  await learner.train();
  weight.dispose();
  return texts.join("").split("\n").slice(0, -2);
}

Deno.test("ProgressBar fits two losses and five metrics into 80 columns", async () => {
  assertEquals((await tableOf(5)).map((line) => line.replace(/\d\.\d{4}/g, "0.1234")), [
    "        train  validation ────────────────────────────────────────────",
    "epoch    loss        loss  accuracy  precision  recall      f1     auc   time",
    "    1  0.1234      0.1234    0.1234     0.1234  0.1234  0.1234  0.1234   0:00",
  ]);
  const [head, row] = await tableOf(1);
  assertEquals(head, "epoch  train loss  validation loss  validation accuracy   time");
  assertEquals(row.length, head.length);
});

Deno.test("text of the console stands above a live bar, and the bar is drawn again", async () => {
  const texts: string[] = [];
  using time = new FakeTime();
  const { log } = console;
  const own = (...values: unknown[]) => void texts.push(`${values.join(" ")}\n`);
  console.log = own;
  try {
    const { learner, weight } = learnerOf(true, texts, [{
      priority: 400,
      afterBatch: () => time.tick(1000),
    }, {
      priority: 600,
      afterBatch: ({ batchIndex }: AnyLearner) => console.log(`batch ${batchIndex}`),
      afterEpoch: () => console.log("epoch"),
    }]);
    learner.dataloaders = { train: learner.dataloaders.train };
    await learner.train();
    weight.dispose();
  } finally {
    const left = console.log;
    console.log = log;
    assertEquals(left, own, "the console is not as it was");
  }
  const screen = texts.join("").replaceAll("\r\x1b[2K", "<");
  // Each text follows an empty line, and the bar follows each text.
  assertEquals(screen.match(/<batch \d\n<epoch 1\/1 /g)?.length, 2);
  assert(screen.endsWith("epoch\n"), screen);
});
