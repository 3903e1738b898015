import { assertEquals, assertLess } from "@std/assert";
import { crossEntropy, selectBackend, tf } from "../../mod.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

const N = 2 ** 24;
/** 0.1 as a float: its sums in floats drift. */
const TENTH = Math.fround(0.1);

type Long = [name: string, compute: (x: tf.Tensor) => tf.Tensor, expected: number];

/** The gradient by the filter of a convolution whose results each have a gradient of 0.1. */
function filterGradient(
  convolve: (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor,
  shape: [number, number, number, number],
  filter: [number, number, number, number],
): Long[1] {
  return (x) =>
    tf.grad((w) => convolve(x.reshape(shape), w as tf.Tensor4D).mul(TENTH).sum())(tf.ones(filter));
}

const conv2d = (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, "valid");
const depthwise = (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, 1, "valid");

/** The last element of each result, for x = 0.1, 2 ** 24 times. */
const table: Long[] = [
  ["sum", (x) => x.sum(), N * TENTH],
  ["mean", (x) => x.mean(), TENTH],
  ["sum of columns", (x) => x.reshape([N / 4, 4]).sum(0), N / 4 * TENTH],
  ["sum of rows", (x) => x.reshape([4, N / 4]).sum(1), N / 4 * TENTH],
  ["sum along a middle axis", (x) => x.reshape([2, N / 8, 4]).sum(1), N / 8 * TENTH],
  [
    "sum along the first and the last axis",
    (x) => x.reshape([N / 8, 2, 4]).sum([0, 2]),
    N / 2 * TENTH,
  ],
  ["norm", (x) => x.norm(), Math.sqrt(N) * TENTH],
  ["variance", (x) => tf.moments(tf.concat([x, x.mul(3)])).variance, TENTH ** 2],
  ["cumsum", (x) => x.cumsum(), N * TENTH],
  ["dot", (x) => tf.dot(x, x), N * TENTH ** 2],
  ["product", (x) => {
    const columns = x.reshape([N / 4, 4]);
    return columns.matMul(columns, true);
  }, N / 4 * TENTH ** 2],
  ["einsum", (x) => tf.einsum("i,i->", x, x), N * TENTH ** 2],
  ["sum of a segment", (x) => tf.unsortedSegmentSum(x, tf.zeros([N], "int32"), 1), N * TENTH],
  ["scatterND", (x) => tf.scatterND(tf.zeros([N, 1], "int32"), x, [1]), N * TENTH],
  ["bincount", (x) => tf.bincount(tf.zeros([N], "int32"), x as tf.Tensor1D, 1), N * TENTH],
  ["logSumExp", (x) => x.mul(0).logSumExp(), Math.log(N)],
  ["softmax", (x) => x.mul(0).softmax(), 1 / N],
  [
    "average of a window",
    (x) => tf.avgPool(x.reshape<tf.Tensor4D>([1, 4096, 4096, 1]), 4096, 1, "valid"),
    TENTH,
  ],
  [
    "cross-entropy of classes",
    (x) => crossEntropy(x.mul(0).reshape([1, N]), tf.tensor1d([3], "int32")),
    Math.log(N),
  ],
  [
    "cross-entropy of rows",
    (x) => crossEntropy(x.mul(0).reshape([N / 4, 4]), tf.zeros([N / 4], "int32")),
    Math.log(4),
  ],
  [
    "gradient of a filter",
    filterGradient(conv2d, [1, 2048, 2048, 4], [1, 1, 4, 1]),
    N / 4 * TENTH ** 2,
  ],
  [
    "gradient of a filter by Winograd's algorithm",
    filterGradient(conv2d, [4, 512, 512, 16], [3, 3, 16, 16]),
    4 * 510 * 510 * TENTH ** 2,
  ],
  [
    "gradient of a depthwise filter",
    filterGradient(depthwise, [1, 2048, 2048, 4], [1, 1, 4, 1]),
    N / 4 * TENTH ** 2,
  ],
  ["gradient of a bias", (x) =>
    tf.grad((bias) =>
      tf.fused.conv2d({
        ...{
          x: x.reshape<tf.Tensor4D>([1, 2048, 2048, 4]),
          filter: tf.ones([1, 1, 4, 1]) as tf.Tensor4D,
        },
        ...{ strides: 1, pad: "same", bias, activation: "relu" },
      }).mul(TENTH).sum()
    )(tf.ones([1])), N / 4 * TENTH],
];

Deno.test("sums of 2 ** 24 elements are right to 1e-5", { ignore }, async (t) => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  const x = tf.fill([N], 0.1);
  for (const [name, compute, expected] of table) {
    await t.step(name, () => {
      const actual = tf.tidy(() => {
        const y = compute(x).flatten();
        return y.slice([y.size - 1]).dataSync()[0];
      });
      assertLess(Math.abs(actual - expected), 1e-5 * expected, `${actual} for ${expected}`);
    });
  }
  x.dispose();
  assertEquals(tf.memory().numTensors, before);
});
