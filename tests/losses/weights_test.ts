/**
 * Losses of weighted examples, of labels that are left out, and of probabilities.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  binaryCrossEntropy,
  crossEntropy,
  focalLoss,
  huber,
  lossPerOutput,
  meanSquaredError,
  tf,
} from "../../mod.ts";
import { meanAbsoluteError } from "../../metrics.ts";
import { weightOfLoss } from "../../src/losses/loss_inputs.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

const LOGITS = [[2, -1, 0.5], [0.1, 0.2, -3], [1, 1, 4], [-2, 0, 1]];
const CLASSES = [0, 2, 1, 1];

const logits = () => tf.tensor2d(LOGITS);
const numbers = (classes: number[] = CLASSES) => tf.tensor1d(classes, "int32");

/** A loss and its gradients, as plain numbers. */
function withSlopes(loss: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): number[] {
  const { value, grad } = tf.valueAndGrad((x) => loss(x))(x);
  return [value.dataSync()[0], ...grad.dataSync()];
}

function assertSame(actual: number[], expected: number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, index) => assertAlmostEquals(value, expected[index], 2e-6));
}

function weightOf(loss: tf.Tensor): number | undefined {
  const weight = weightOfLoss(loss);
  return typeof weight === "function" ? weight().dataSync()[0] : weight;
}

testOnBackends("weights of examples count like copies of the examples", () => {
  const copies = [0, 0, 1, 3, 3, 3];
  const weights = tf.tensor1d([2, 1, 0, 3]);
  const rows = copies.map((row) => LOGITS[row]);
  const labels = copies.map((row) => CLASSES[row]);
  const options = { classWeights: [1, 2, 0.5], labelSmoothing: 0.1 };
  for (const loss of [crossEntropy, focalLoss]) {
    const expected = loss(tf.tensor2d(rows), numbers(labels), options);
    const weighted = loss(logits(), numbers(), { ...options, weights });
    assertAlmostEquals(weighted.dataSync()[0], expected.dataSync()[0], 1e-6);
    assertAlmostEquals(weightOf(weighted)!, weightOf(expected)!, 1e-6);
    const dense = tf.oneHot(numbers(), 3).toFloat();
    const onehot = loss(logits(), dense, { ...options, weights });
    assertAlmostEquals(onehot.dataSync()[0], expected.dataSync()[0], 1e-6);
  }
  const targets = [[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]];
  const [few, all] = [tf.tensor2d(targets), tf.tensor2d(copies.map((row) => targets[row]))];
  for (const loss of [binaryCrossEntropy, meanSquaredError, huber, meanAbsoluteError]) {
    const expected = loss(tf.tensor2d(rows), all);
    const weighted = loss(logits(), few, { weights });
    assertAlmostEquals(weighted.dataSync()[0], expected.dataSync()[0], 1e-6, loss.name);
    assertAlmostEquals(weightOf(weighted)!, 6, 1e-6);
  }
});

testOnBackends("weights may be given for each label of a sequence", () => {
  const sequence = tf.tensor(LOGITS.flat(), [2, 2, 3]);
  const labels = tf.tensor2d(CLASSES, [2, 2], "int32");
  const flat = crossEntropy(logits(), numbers(), { weights: tf.tensor1d([1, 2, 3, 4]) });
  const each = crossEntropy(sequence, labels, { weights: tf.tensor2d([[1, 2], [3, 4]]) });
  assertAlmostEquals(each.dataSync()[0], flat.dataSync()[0], 1e-6);
  const rows = crossEntropy(sequence, labels, { weights: tf.tensor1d([1, 3]) });
  const spread = crossEntropy(logits(), numbers(), { weights: tf.tensor1d([1, 1, 3, 3]) });
  assertAlmostEquals(rows.dataSync()[0], spread.dataSync()[0], 1e-6);
  assertEquals([weightOf(each), weightOf(rows)], [10, 8]);
});

testOnBackends("labels equal to ignoreIndex are left out, and only they", () => {
  const kept = withSlopes((x) => crossEntropy(x, numbers()), logits());
  for (const ignoreIndex of [-1, -100, 255]) {
    const options = ignoreIndex === -1 ? {} : { ignoreIndex };
    const labels = [...CLASSES, ignoreIndex];
    const more = tf.tensor2d([...LOGITS, [5, 6, 7]]);
    for (const loss of [crossEntropy, focalLoss]) {
      const expected = withSlopes((x) => loss(x, numbers()), logits());
      const some = withSlopes((x) => loss(x, numbers(labels), options), more);
      assertSame(some, [...expected, 0, 0, 0]);
      assertEquals(weightOf(loss(more, numbers(labels), options)), 4);
    }
  }
  // A class of its own, such as padding.
  const padded = withSlopes((x) => crossEntropy(x, numbers(), { ignoreIndex: 0 }), logits());
  const rest = withSlopes(
    (x) => crossEntropy(x, numbers(CLASSES.slice(1))),
    tf.tensor2d(LOGITS.slice(1)),
  );
  assertSame(padded, [rest[0], 0, 0, 0, ...rest.slice(1)]);
  assertEquals(kept.length, 13);
});

testOnBackends(
  "a batch whose labels are all left out has no loss, no gradients and no weight",
  () => {
    const none = numbers([-1, -1, -1, -1]);
    for (const loss of [crossEntropy, focalLoss]) {
      assertSame(withSlopes((x) => loss(x, none), logits()), Array(13).fill(0));
      assertEquals(weightOf(loss(logits(), none)), 0);
    }
    const binary = tf.fill([4, 3], -1);
    assertSame(withSlopes((x) => binaryCrossEntropy(x, binary), logits()), Array(13).fill(0));
  },
);

testOnBackends("probabilities have the losses of their logits", () => {
  const options = { classWeights: [1, 2, 0.5], labelSmoothing: 0.1 };
  const probabilities = tf.softmax(logits());
  for (const loss of [crossEntropy, focalLoss]) {
    const expected = loss(logits(), numbers(), options).dataSync()[0];
    const actual = loss(probabilities, numbers(), { ...options, probabilities: true });
    assertAlmostEquals(actual.dataSync()[0], expected, 1e-5);
    const [, slopes] = [0, tf.grad((x) => loss(tf.softmax(x), numbers(), { probabilities: true }))];
    const wanted = tf.grad((x) => loss(x, numbers()))(logits());
    assertEquals(relativeError(slopes(logits()), wanted) < 1e-5, true);
  }
  const labels = tf.tensor2d([[1, 0, 1], [0, 0, -1], [1, 1, 1], [0, 1, 0]]);
  const binary = { labelSmoothing: 0.1, positiveWeight: 3 };
  const expected = binaryCrossEntropy(logits(), labels, binary).dataSync()[0];
  const actual = binaryCrossEntropy(tf.sigmoid(logits()), labels, {
    ...binary,
    probabilities: true,
  });
  assertAlmostEquals(actual.dataSync()[0], expected, 1e-5);
  // Sure and wrong: large, but finite.
  const wrong = crossEntropy(tf.tensor2d([[0, 1]]), numbers([0]), { probabilities: true });
  assertAlmostEquals(wrong.dataSync()[0], -Math.log(1e-7), 1e-3);
});

testOnBackends("focalLoss() is the cross-entropy, scaled by how hard an example is", () => {
  const cross = CLASSES.map((label, row) => {
    const total = LOGITS[row].reduce((sum, x) => sum + Math.exp(x), 0);
    return Math.exp(LOGITS[row][label]) / total;
  });
  const formula = (gamma: number) =>
    cross.reduce((sum, p) => sum - (1 - p) ** gamma * Math.log(p), 0) / cross.length;
  for (const gamma of [0, 1, 2, 5]) {
    const loss = focalLoss(logits(), numbers(), { gamma }).dataSync()[0];
    assertAlmostEquals(loss, formula(gamma), 1e-6);
  }
  assertSame(
    withSlopes((x) => focalLoss(x, numbers(), { gamma: 0 }), logits()),
    withSlopes((x) => crossEntropy(x, numbers()), logits()),
  );
  // One logit is two classes, no and yes.
  const [one, answers] = [tf.tensor2d([[2], [-1]]), tf.tensor2d([[1], [1]])];
  const two = tf.tensor2d([[0, 2], [0, -1]]);
  const options = { classWeights: [0.75, 0.25] };
  assertAlmostEquals(
    focalLoss(one, answers, options).dataSync()[0],
    focalLoss(two, numbers([1, 1]), options).dataSync()[0],
    1e-6,
  );
  const shares = focalLoss(tf.sigmoid(one), answers, { ...options, probabilities: true });
  assertAlmostEquals(
    shares.dataSync()[0],
    focalLoss(one, answers, options).dataSync()[0],
    1e-5,
  );
});

testOnBackends("labels [batch] fit predictions [batch, 1], and the reverse", () => {
  const [column, row] = [tf.tensor2d([[1], [2]]), tf.tensor1d([3, 1])];
  for (const loss of [meanSquaredError, huber, meanAbsoluteError, binaryCrossEntropy]) {
    const labels = loss === binaryCrossEntropy ? tf.tensor1d([1, 0]) : row;
    const expected = loss(column, labels.expandDims(1)).dataSync()[0];
    assertAlmostEquals(loss(column, labels).dataSync()[0], expected, 1e-6);
    assertAlmostEquals(
      loss(column.flatten(), labels.expandDims(1)).dataSync()[0],
      expected,
      1e-6,
    );
  }
  const sparse = crossEntropy(logits(), numbers().expandDims(1));
  assertAlmostEquals(sparse.dataSync()[0], crossEntropy(logits(), numbers()).dataSync()[0], 1e-6);
});

testOnBackends("labels that are no classes are refused, also those of metrics", () => {
  for (const wrong of [[0, 1, 2, 3], [0, 1, 2, -2], [0, 1, 2, 0.5], [0, 1, 2, NaN]]) {
    const labels = tf.tensor1d(wrong, wrong.every(Number.isInteger) ? "int32" : "float32");
    assertThrows(
      () => crossEntropy(logits(), labels),
      RangeError,
      `must be a class number in [0, 3), or ignoreIndex -1: current value is ${wrong[3]}`,
    );
    assertThrows(() => focalLoss(logits(), labels), RangeError, "Cannot compute focalLoss");
  }
  const half = tf.tensor1d([0.5, 1.5]);
  assertEquals(binaryCrossEntropy(tf.zeros([2]), tf.tensor1d([0.5, -1])).size, 1);
  assertThrows(
    () => binaryCrossEntropy(tf.zeros([2]), half),
    RangeError,
    "must be in [0, 1], or ignoreIndex -1: current value is 1.5",
  );
});

testOnBackends("weights out of range or of another shape are refused", () => {
  const compute = (weights: tf.Tensor) => crossEntropy(logits(), numbers(), { weights });
  assertThrows(() => compute(tf.ones([3])), TypeError, "weights must be a tensor [4] or [4]");
  assertThrows(() => compute(tf.tensor1d([1, 1, 1, -1])), RangeError, "each weight must be");
  assertThrows(() => compute(tf.tensor1d([1, 1, 1, NaN])), RangeError, "each weight must be");
  const mean = (weights: unknown) =>
    meanSquaredError(tf.ones([2]), tf.ones([2]), { weights: weights as tf.Tensor });
  assertThrows(() => mean([1, 2]), TypeError, "an array of length 2");
});

testOnBackends("lossPerOutput() sums the losses of the outputs by their weights", () => {
  const loss = lossPerOutput({ kind: crossEntropy, size: meanSquaredError }, { size: 0.5 });
  const [sizes, truth] = [tf.tensor2d([[1], [2], [3], [4]]), tf.tensor1d([1, 1, 1, 1])];
  const expected = crossEntropy(logits(), numbers()).dataSync()[0] + 0.5 * (0 + 1 + 4 + 9) / 4;
  const byName = loss({ kind: logits(), size: sizes }, { kind: numbers(), size: truth });
  assertAlmostEquals(byName.dataSync()[0], expected, 1e-6);
  const inOrder = loss([logits(), sizes], [numbers(), truth]);
  assertAlmostEquals(inOrder.dataSync()[0], expected, 1e-6);
  const weights = tf.tensor1d([0, 0, 0, 1]);
  const last = loss([logits(), sizes], [numbers(), truth], { weights });
  const only = crossEntropy(tf.tensor2d([LOGITS[3]]), numbers([1])).dataSync()[0] + 0.5 * 9;
  assertAlmostEquals(last.dataSync()[0], only, 1e-6);
  const labels = { kind: numbers() };
  assertThrows(() => loss({ kind: logits(), size: sizes }, labels), TypeError, 'output "size"');
  const wrong = { sise: 1 };
  assertThrows(() => lossPerOutput({ size: huber }, wrong), TypeError, 'did you mean "size"?');
});

testOnBackends("losses for logits say that a model ends in a softmax or a sigmoid", async () => {
  const { applyModel } = await import("../../src/model/model.ts");
  const heads: Record<string, () => tf.layers.Layer[]> = {
    softmax: () => [tf.layers.dense({ units: 3, inputShape: [2], activation: "softmax" })],
    sigmoid: () => [tf.layers.dense({ units: 3, inputShape: [2], activation: "sigmoid" })],
    "softmax (layer)": () => [
      tf.layers.dense({ units: 3, inputShape: [2] }),
      tf.layers.softmax({}),
    ],
    "softmax (activation, reshaped)": () => [
      tf.layers.dense({ units: 3, inputShape: [2] }),
      tf.layers.activation({ activation: "softmax" }),
      tf.layers.reshape({ targetShape: [3] }),
    ],
    "softmax (in a model)": () => [tf.sequential({ layers: heads.softmax() })],
  };
  for (const [name, layers] of Object.entries(heads)) {
    const model = tf.sequential({ layers: layers() });
    const predictions = applyModel(model, tf.ones([4, 2]), { training: false }) as tf.Tensor;
    const [activation] = name.split(" ");
    assertThrows(
      () => crossEntropy(predictions, numbers()),
      TypeError,
      `the model ends in a ${activation}`,
    );
    assertEquals(crossEntropy(predictions, numbers(), { probabilities: true }).size, 1);
    model.dispose();
  }
  const linear = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] });
  const predictions = applyModel(linear, tf.ones([4, 2]), { training: false }) as tf.Tensor;
  assertEquals(crossEntropy(predictions, numbers()).size, 1);
  const probabilities = () => crossEntropy(predictions, numbers(), { probabilities: true });
  assertThrows(probabilities, TypeError, "the model ends in a linear layer");
  linear.dispose();
});
