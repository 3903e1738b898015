import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  accuracy,
  Learner,
  meanSquaredError,
  type Metric,
  Metrics,
  type Peers,
  sgd,
  type StatefulMetric,
  tf,
} from "../../mod.ts";
import {
  confusion,
  f1,
  meanAbsoluteError,
  precision,
  recall,
  rocAuc,
  rSquared,
  topK,
} from "../../metrics.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import figures from "./figures.generated.json" with { type: "json" };

type Averages = Record<string, number>;
const AVERAGED = { precision, recall, f1 };

/** Feeds a metric in batches of unequal size, twice, so that a forgotten reset would show. */
async function measure(
  metric: StatefulMetric,
  predictions: tf.Tensor,
  labels: tf.Tensor,
): Promise<number> {
  const examples = predictions.shape[0]!;
  const sizes = [7, 1, examples - 8];
  let value = NaN;
  for (let pass = 0; pass < 2; pass++) {
    const parts = tf.tidy(() => [tf.split(predictions, sizes), tf.split(labels, sizes)]);
    sizes.forEach((_, index) => metric.update(parts[0][index], parts[1][index]));
    value = await metric.compute();
    metric.reset();
    tf.dispose(parts);
  }
  return value;
}

function mean(metric: Metric, predictions: tf.Tensor, labels: tf.Tensor): number {
  return tf.tidy(() => metric(predictions, labels).mean().dataSync()[0]);
}

testOnBackends("metrics of classes agree with scikit-learn", async () => {
  for (const { logits, labels, expected } of figures.classification) {
    const predictions = tf.tensor2d(logits);
    const numbers = tf.tensor1d(labels, "int32");
    const oneHot = tf.oneHot(numbers, logits[0].length);
    for (const actual of [numbers, oneHot]) {
      assertAlmostEquals(mean(accuracy, predictions, actual), expected.accuracy, 1e-6);
      assertAlmostEquals(mean(topK(2), predictions, actual), expected.top2, 1e-6);
      assertEquals(confusion(predictions, actual).arraySync(), expected.confusion);
      for (const [name, metric] of Object.entries(AVERAGED)) {
        const averages: Averages = expected[name as "f1"];
        for (const [average, value] of Object.entries(averages)) {
          const measured = await measure(
            metric({ average: average as "macro" }),
            predictions,
            actual,
          );
          assertAlmostEquals(measured, value, 1e-6, `${name} ${average}`);
        }
      }
      if (expected.rocAuc !== undefined) {
        assertAlmostEquals(await measure(rocAuc(), predictions, actual), expected.rocAuc, 1e-6);
        const shares = tf.softmax(predictions);
        const probabilities = rocAuc({ probabilities: true });
        assertAlmostEquals(await measure(probabilities, shares, actual), expected.rocAuc, 1e-6);
      }
    }
  }
});

testOnBackends("metrics of yes and no agree with scikit-learn", async () => {
  for (const { logits, labels, expected } of figures.binary) {
    const actual = tf.tensor1d(labels, "int32");
    const column = tf.tensor2d(logits, [logits.length, 1]);
    const pair = tf.concat([tf.zerosLike(column), column], 1);
    for (const predictions of [tf.tensor1d(logits), column, pair]) {
      assertAlmostEquals(mean(accuracy, predictions, actual), expected.accuracy, 1e-6);
      assertEquals(confusion(predictions, actual).arraySync(), expected.confusion);
      assertAlmostEquals(await measure(rocAuc(), predictions, actual), expected.rocAuc, 1e-6);
      for (const [name, metric] of Object.entries(AVERAGED)) {
        const averages: Averages = expected[name as "f1"];
        assertAlmostEquals(await measure(metric(), predictions, actual), averages.binary, 1e-6);
        for (const [average, value] of Object.entries(averages)) {
          const measured = await measure(
            metric({ average: average as "macro" }),
            predictions,
            actual,
          );
          assertAlmostEquals(measured, value, 1e-6, `${name} ${average}`);
        }
      }
    }
  }
});

testOnBackends("metrics of numbers agree with scikit-learn", async () => {
  for (const { predictions, labels, expected } of figures.regression) {
    const [predicted, actual] = [tf.tensor2d(predictions), tf.tensor2d(labels)];
    const absolute = mean(meanAbsoluteError, predicted, actual);
    assertAlmostEquals(absolute, expected.meanAbsoluteError, 1e-4);
    assertAlmostEquals(
      mean(meanSquaredError, predicted, actual),
      expected.meanSquaredError,
      1e-4,
    );
    assertAlmostEquals(await measure(rSquared(), predicted, actual), expected.rSquared, 1e-4);
  }
});

testOnBackends("stateful metrics give NaN where nothing was measured", async () => {
  for (const metric of [precision(), recall(), f1(), rocAuc(), rSquared()]) {
    assertEquals(await metric.compute(), NaN);
  }
  const oneClass = rocAuc();
  oneClass.update(tf.tensor1d([1, 2]), tf.tensor1d([1, 1], "int32"));
  assertEquals(await oneClass.compute(), NaN);
  oneClass.update(tf.tensor1d([NaN, 2]), tf.tensor1d([0, 1], "int32"));
  assertEquals(await oneClass.compute(), NaN);
  oneClass.reset();
});

const { NEGATIVE_INFINITY, POSITIVE_INFINITY } = Number;

testOnBackends("predictions that are NaN or infinite are no hits", async () => {
  const labels = tf.tensor1d([0, 1, 2, 0, 1], "int32");
  const logits = tf.tensor2d([
    [NaN, NaN, NaN],
    [0, 1, NaN],
    [POSITIVE_INFINITY, 0, POSITIVE_INFINITY],
    [2, NEGATIVE_INFINITY, 1], // a class that is masked
    [0, NEGATIVE_INFINITY, NEGATIVE_INFINITY],
  ]);
  assertEquals([...accuracy(logits, labels).dataSync()], [0, 0, 0, 1, 0]);
  assertEquals([...topK(1)(logits, labels).dataSync()], [0, 0, 0, 1, 0]);
  assertEquals([...topK(3)(logits, labels).dataSync()], [0, 0, 0, 1, 0]);
  assertEquals(confusion(logits, labels).arraySync(), [[1, 0, 0], [1, 0, 0], [0, 0, 0]]);
  // One of two of class 0 is found; an unknown class counts as a miss.
  const none = { average: "macro" } as const;
  assertAlmostEquals(await measureOnce(recall(none), logits, labels), (1 / 2 + 0 + 0) / 3, 1e-6);
  assertAlmostEquals(await measureOnce(precision(none), logits, labels), (1 / 2) / 3, 1e-6);
  const [scores, answers] = [
    tf.tensor1d([NaN, 1, -1, POSITIVE_INFINITY]),
    tf.tensor1d([0, 1, 0, 1]),
  ];
  assertEquals([...accuracy(scores, answers).dataSync()], [0, 1, 1, 0]);
  assertEquals(await measureOnce(recall(), scores, answers), 1 / 2);
});

testOnBackends("measures of numbers are NaN where a number is NaN", async () => {
  const [wrong, right] = [tf.tensor1d([NaN, 1, 1]), tf.tensor1d([1, 1, 1])];
  for (const [predictions, labels] of [[wrong, right], [right, wrong]]) {
    assertEquals(await measureOnce(rSquared(), predictions, labels), NaN);
    assertEquals(mean(meanAbsoluteError, predictions, labels), NaN);
  }
  assertEquals(await measureOnce(rSquared(), right, right), 1);
  const infinite = tf.tensor1d([POSITIVE_INFINITY, 1, 3]);
  assertEquals(
    await measureOnce(rSquared(), infinite, tf.tensor1d([1, 2, 3])),
    NEGATIVE_INFINITY,
  );
});

testOnBackends("rocAuc() is the mean over the classes that occur", async () => {
  const labels = tf.tensor1d([0, 1, 0, 1], "int32");
  const logits = tf.tensor2d([[2, 0, 0], [0, 2, 0], [1, 0, 3], [0, 1, 3]]);
  assertEquals(await measureOnce(rocAuc(), logits, labels), 1);
  assertEquals(await measureOnce(rocAuc(), logits, tf.onesLike(labels)), NaN);
});

/** Feeds a metric with one batch. */
async function measureOnce(
  metric: StatefulMetric,
  predictions: tf.Tensor,
  labels: tf.Tensor,
): Promise<number> {
  metric.update(predictions, labels);
  const value = await metric.compute();
  metric.reset();
  return value;
}

testOnBackends("rocAuc() holds a bounded number of tensors in a long pass", async () => {
  const metric = rocAuc();
  const before = tf.memory().numTensors;
  const [scores, labels] = [tf.tensor1d([-1, 1]), tf.tensor1d([0, 1], "int32")];
  for (let batch = 0; batch < 300; batch++) metric.update(scores, labels);
  assertEquals(tf.memory().numTensors - before <= 2 * 64 + 2, true);
  assertEquals(await metric.compute(), 1);
  metric.reset();
});

testOnBackends("topK() does not count ties as right", () => {
  const labels = tf.tensor1d([0, 1, 2], "int32");
  assertEquals([...topK(1)(tf.zeros([3, 3]), labels).dataSync()], [1, 0, 0]);
  assertEquals(topK(5).name, "top5");
});

Deno.test("metrics refuse what cannot be measured", () => {
  assertThrows(() => topK(0), RangeError, "must be an integer >= 1: current value is 0");
  assertThrows(() => f1({ average: "mean" as "macro" }), TypeError, "binary, macro");
  assertThrows(() => recall({ positive: -1 }), RangeError, "positive must be an integer >= 0");
  tf.tidy(() => {
    const wrong = () => confusion(tf.zeros([2, 3]), tf.zeros([4]));
    assertThrows(wrong, TypeError, "current shapes are [2,3] and [4]");
  });
  const metrics = (metrics: unknown) => new Metrics(metrics as Record<string, Metric>);
  assertThrows(() => metrics([accuracy]), TypeError, "each metric must have a name");
  assertThrows(() => metrics({ a: "auc" }), TypeError, 'compute: current value is "auc"');
});

Deno.test("Metrics tells of a metric that was not made before it is measured", async () => {
  const learner = new Learner({
    model: { apply: (x: tf.Tensor) => x, trainableVariables: [] },
    optimizer: sgd(),
    lossFunction: meanSquaredError,
    dataloaders: {
      *test() {
        yield [tf.zeros([1, 2]), tf.zeros([1, 2])];
      },
    },
    callbacks: [new Metrics({ f1: f1 as unknown as Metric })],
  });
  const before = tf.memory().numTensors;
  await assertRejects(
    () => learner.test(),
    TypeError,
    "Cannot measure f1 as the metric must return a tensor (or must it be called first, like f1()?)",
  );
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("Metrics takes the value of the other processes where its own has none", async () => {
  const peers: Peers = {
    shard: { index: 0, count: 1 },
    sum: (values) => values.set([values[0] + 8 * 0.75, values[1] + 8]),
    average: (gradients) => gradients,
    attach: () => {},
    collect: () => [],
  };
  const ofOneClass = { reset() {}, update() {}, compute: () => NaN };
  const { learner, dispose } = tinyLearner({
    callbacks: [new Metrics({ ofOneClass }, { phases: ["train"] })],
  });
  learner.peers = peers;
  const { metrics } = await learner.train();
  assertEquals(metrics["train.ofOneClass"], 0.75);
  dispose();
});
