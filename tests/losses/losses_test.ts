import { assertAlmostEquals, assertLess, assertThrows } from "@std/assert";
import { binaryCrossEntropy, crossEntropy, huber, meanSquaredError, tf } from "../../mod.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

type Loss = (predictions: number[]) => number;

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Cross-entropy in plain numbers; `targets` are rows of probabilities. */
function reference(targets: number[][], smoothing: number, weights: number[]): Loss {
  const classes = weights.length;
  return (predictions) => {
    let total = 0, norm = 0;
    targets.forEach((row, n) => {
      const logits = predictions.slice(n * classes, (n + 1) * classes);
      const top = Math.max(...logits);
      const logSum = top + Math.log(sum(logits.map((x) => Math.exp(x - top))));
      row.forEach((y, c) => {
        const target = y * (1 - smoothing) + sum(row) * smoothing / classes;
        total += weights[c] * target * (logSum - logits[c]);
        norm += weights[c] * y;
      });
    });
    return total / norm;
  };
}

const batch = 7, classes = 5;
const logits = Array.from({ length: batch * classes }, (_, i) => 3 * Math.sin(i * i + 1));
const numbers = [0, 4, 2, 2, 1, 3, 0];
const onehot = numbers.map((y) => Array.from({ length: classes }, (_, c) => Number(c === y)));
const soft = onehot.map((row, n) => row.map((y) => y * 0.5 + 0.1 + 0 * n));
const ignoring = onehot.map((row, n) => n === 2 ? row.map(() => 0) : row);
const weights = [1, 2, 0.5, 3, 1];
const ones = weights.map(() => 1);
const shape: [number, number] = [batch, classes];
const ids = tf.tensor1d(numbers, "int32");

const table: [string, (x: tf.Tensor) => tf.Scalar, Loss][] = [
  ["crossEntropy of numbers", (x) => crossEntropy(x, ids), reference(onehot, 0, ones)],
  [
    "crossEntropy of one-hot",
    (x) => crossEntropy(x, tf.tensor2d(onehot)),
    reference(onehot, 0, ones),
  ],
  [
    "crossEntropy of probabilities",
    (x) => crossEntropy(x, tf.tensor2d(soft)),
    reference(soft, 0, ones),
  ],
  [
    "crossEntropy weighted",
    (x) => crossEntropy(x, ids, { classWeights: weights }),
    reference(onehot, 0, weights),
  ],
  [
    "crossEntropy smoothed and weighted",
    (x) => crossEntropy(x, ids, { labelSmoothing: 0.2, classWeights: weights }),
    reference(onehot, 0.2, weights),
  ],
  [
    "crossEntropy of one-hot smoothed and weighted",
    (x) => crossEntropy(x, tf.tensor2d(onehot), { labelSmoothing: 0.2, classWeights: weights }),
    reference(onehot, 0.2, weights),
  ],
  [
    "crossEntropy that ignores a label",
    (x) => {
      const some = tf.tensor1d(numbers.map((y, n) => n === 2 ? -1 : y), "int32");
      return crossEntropy(x, some, { labelSmoothing: 0.1 });
    },
    reference(ignoring, 0.1, ones),
  ],
  [
    "crossEntropy of sequences",
    (x) => crossEntropy(x.reshape([1, batch, classes]), ids.reshape([1, batch])),
    reference(onehot, 0, ones),
  ],
  [
    "binaryCrossEntropy",
    (x) =>
      binaryCrossEntropy(x, tf.tensor2d(onehot, shape, "int32"), {
        labelSmoothing: 0.2,
        positiveWeight: 3,
      }),
    (p) =>
      sum(p.map((x, i) => {
        const y = onehot.flat()[i] * 0.8 + 0.1;
        return -3 * y * Math.log(sigmoid(x)) - (1 - y) * Math.log(sigmoid(-x));
      })) / p.length,
  ],
  [
    "meanSquaredError",
    (x) => meanSquaredError(x, tf.tensor2d(soft)),
    (p) => sum(p.map((x, i) => (x - soft.flat()[i]) ** 2)) / p.length,
  ],
  [
    "huber",
    (x) => huber(x, tf.tensor2d(soft), { delta: 0.7 }),
    (p) =>
      sum(p.map((x, i) => {
        const e = Math.abs(x - soft.flat()[i]);
        return e < 0.7 ? e * e / 2 : 0.7 * (e - 0.35);
      })) / p.length,
  ],
];

/** The gradients of `loss`, by central differences. */
function slopes(loss: Loss): number[] {
  return logits.map((x, i) => {
    const [up, down] = [x + 1e-5, x - 1e-5].map((y) => loss(logits.with(i, y)));
    return (up - down) / 2e-5;
  });
}

for (const [name, loss, expected] of table) {
  testOnBackends(`${name} has the value and gradients of the formula`, () => {
    const { value, grad } = tf.valueAndGrad((x) => loss(x))(tf.tensor2d(logits, shape));
    assertAlmostEquals(value.dataSync()[0], expected(logits), 2e-6 * expected(logits));
    assertLess(relativeError(grad, slopes(expected)), 1e-5);
  });
}

testOnBackends("the gradients of a scaled loss are scaled", () => {
  const once = tf.grad((x) => crossEntropy(x, ids))(tf.tensor2d(logits, shape));
  const twice = tf.grad((x) => crossEntropy(x, ids).mul(2))(tf.tensor2d(logits, shape));
  assertLess(relativeError(twice, once.mul(2)), 1e-6);
});

testOnBackends(
  "crossEntropy has gradients with respect to labels that are predictions themselves",
  () => {
    const options = { labelSmoothing: 0.1, classWeights: weights };
    const x = tf.tensor2d(logits, shape), y = tf.tensor2d(soft);
    const slope = tf.grad((labels) => crossEntropy(x, labels, options))(y);
    const expected = soft.flatMap((row, n) =>
      row.map((_, c) => {
        const [up, down] = [1e-5, -1e-5].map((h) => {
          const moved = soft.with(n, row.with(c, row[c] + h));
          return reference(moved, 0.1, weights)(logits);
        });
        return (up - down) / 2e-5;
      })
    );
    assertLess(relativeError(slope, expected), 1e-5);
  },
);

testOnBackends("losses stay finite for huge logits", () => {
  const huge = tf.tensor2d([[1e4, -1e4], [-1e4, 1e4]]);
  const wrong = tf.tensor1d([1, 0], "int32");
  assertAlmostEquals(crossEntropy(huge, wrong).dataSync()[0], 2e4, 1);
  assertAlmostEquals(binaryCrossEntropy(huge, tf.tensor2d([[0, 1], [1, 0]])).dataSync()[0], 1e4, 1);
});

testOnBackends("binaryCrossEntropy has the right gradient at 0", () => {
  const slope = tf.grad((x) => binaryCrossEntropy(x, tf.tensor1d([1])))(tf.tensor1d([0]));
  assertAlmostEquals(slope.dataSync()[0], -0.5, 1e-6);
});

Deno.test("losses refuse shapes that would broadcast, and options out of range", () => {
  const x = tf.zeros([4, 1]), y = tf.zeros([4]), wide = tf.zeros([4, 4]);
  assertThrows(() => meanSquaredError(wide, y), TypeError, "[4,4]: current value is [4]");
  assertThrows(() => huber(wide, y), TypeError, "Cannot compute huber");
  assertThrows(() => binaryCrossEntropy(wide, y), TypeError, "Cannot compute binaryCrossEntropy");
  assertThrows(
    () => crossEntropy(x, tf.zeros([3])),
    TypeError,
    "must be [4] or [4,1]: current value is [3]",
  );
  assertThrows(() => crossEntropy(x, y, { labelSmoothing: 2 }), RangeError, "labelSmoothing");
  assertThrows(
    () => crossEntropy(x, y, { classWeights: [1, 2] }),
    RangeError,
    "must have 1 elements",
  );
  assertThrows(
    () => crossEntropy(x, y, { classWeights: [0] }),
    RangeError,
    "must be finite and > 0",
  );
  assertThrows(() => huber(x, x, { delta: 0 }), RangeError, "delta must be finite and > 0");
  assertThrows(() => binaryCrossEntropy(x, x, { positiveWeight: 0 }), RangeError, "positiveWeight");
  tf.dispose([x, y, wide]);
});
