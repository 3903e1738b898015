import { assert, assertEquals, assertThrows } from "@std/assert";
import * as stock from "npm:@tensorflow/tfjs@4.22.0";
import { tf } from "../../mod.ts";
import { withRandom } from "../../src/random/random_numbers.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

/** Asserts that two tensors have the same shape, dtype and bits. */
function assertSame(actual: tf.Tensor, expected: tf.Tensor, label = ""): void {
  assertEquals(actual.shape, expected.shape, label);
  assertEquals(actual.dtype, expected.dtype, label);
  const [a, b] = [actual, expected].map((tensor) => tensor.dataSync());
  for (let i = 0; i < b.length; i++) {
    assert(Object.is(a[i], b[i]), `${label}: ${a[i]}, not ${b[i]}`);
  }
}

const sizes = [0, 1, 7, 1029];

testOnBackends("random numbers are those of tfjs, bit by bit", () => {
  for (const n of sizes) {
    for (const seed of [0, 5, "text"]) {
      for (const [min, max, dtype] of [[-2, 3.7, "float32"], [-7, 9, "int32"]] as const) {
        assertSame(
          tf.randomUniform([n, 2], min, max, dtype, seed),
          stock.randomUniform([n, 2], min, max, dtype, seed),
        );
      }
    }
    assertSame(tf.randomUniformInt([n], -7, 9, 3), stock.randomUniformInt([n], -7, 9, 3));
    assertSame(
      tf.randomNormal([n], 1, 0.3, "int32", 3),
      stock.randomNormal([n], 1, 0.3, "int32", 3),
    );
    assertSame(
      tf.randomStandardNormal([n], "float32", 3),
      stock.randomStandardNormal([n], "float32", 3),
    );
    for (const name of ["randomNormal", "truncatedNormal"] as const) {
      for (const [mean, deviation] of [[0, 1], [1, 0.3], [-1, 0]]) {
        assertSame(
          tf[name]([n, 3], mean, deviation, undefined, 8),
          stock[name]([n, 3], mean, deviation, undefined, 8),
          `${name} ${mean} ${deviation}`,
        );
      }
    }
  }
  assertThrows(() => tf.randomNormal([-1]), Error, "integers");
});

testOnBackends("random numbers without a seed draw one number from Math.random", () => {
  for (
    const compute of [
      (ops: typeof tf) => ops.randomUniform([300]),
      (ops: typeof tf) => ops.randomNormal([300]),
      // tfjs takes a seed of 0 for none.
      (ops: typeof tf) => ops.randomNormal([300], 0, 1, "float32", 0),
      (ops: typeof tf) => ops.dropout(ops.ones([300]), 0.4),
    ]
  ) {
    const draw = (ops: typeof tf) => {
      let draws = 0;
      const y = withRandom(() => (draws++, 0.123), () => compute(ops));
      assertEquals(draws, 1);
      return y;
    };
    assertSame(draw(tf), draw(stock as never));
  }
});

testOnBackends("initializers and layers of noise draw the numbers of tfjs", () => {
  const x = tf.ones([20, 30]);
  const drawn = (compute: () => tf.Tensor) => withRandom(() => 0.42, compute);
  const { initializers } = tf;
  for (
    const [initializer, expected] of [
      [
        initializers.randomNormal({ mean: 1, stddev: 2, seed: 3 }),
        stock.randomNormal([20, 30], 1, 2, "float32", 3),
      ],
      [
        initializers.randomUniform({ minval: -1, maxval: 2, seed: 3 }),
        stock.randomUniform([20, 30], -1, 2, "float32", 3),
      ],
      [
        initializers.truncatedNormal({ mean: 1, stddev: 2, seed: 3 }),
        stock.truncatedNormal([20, 30], 1, 2, "float32", 3),
      ],
    ] as const
  ) assertSame(initializer.apply([20, 30]), expected as tf.Tensor);
  const training = { training: true };
  const noise = tf.layers.gaussianNoise({ stddev: 0.5 });
  assertSame(
    drawn(() => noise.apply(x, training) as tf.Tensor),
    drawn(() => stock.randomNormal([20, 30], 0, 0.5).add(x as never) as never),
  );
  const dropout = tf.layers.gaussianDropout({ rate: 0.3 });
  assertSame(
    drawn(() => dropout.apply(x, training) as tf.Tensor),
    drawn(() => stock.randomNormal([20, 30], 1, Math.sqrt(0.3 / 0.7)) as never),
  );
  for (const layer of [noise, dropout]) assertSame(layer.apply(x) as tf.Tensor, x);
});

testOnBackends("constants have the elements of tfjs's", () => {
  for (const dtype of ["float32", "int32", "bool", "complex64"] as const) {
    for (const shape of [[], [0], [7], [1, 255], [257], [16, 17, 3]]) {
      assertSame(
        tf.ones(shape, dtype),
        stock.ones(shape, dtype) as never,
        `ones ${shape} ${dtype}`,
      );
      assertSame(tf.zeros(shape, dtype), stock.zeros(shape, dtype) as never, `zeros ${shape}`);
      assertSame(tf.onesLike(tf.zeros(shape, dtype)), stock.ones(shape, dtype) as never);
      assertSame(tf.zerosLike(tf.ones(shape, dtype)), stock.zeros(shape, dtype) as never);
    }
    if (dtype === "complex64") continue;
    for (const shape of [[40, 33], [33, 40], [1, 300], [2, 3]] as [number, number][]) {
      assertSame(tf.eye(...shape, undefined, dtype), stock.eye(...shape, undefined, dtype));
      assertSame(tf.eye(...shape, [2, 3], dtype), stock.eye(...shape, [2, 3], dtype) as never);
    }
    const indices = tf.tensor2d([[0, 2, 5], [-1, 1, 4]], undefined, "int32");
    const expected = [0, 1, 2, 3, 4].map((i) =>
      [[0, 2, 5], [-1, 1, 4]].flat().map((at) => Number(at === i))
    );
    assertEquals(
      [...tf.oneHot(indices, 5, 1, 0, dtype).transpose([2, 0, 1]).dataSync()],
      expected.flat(),
    );
  }
  assertEquals([...tf.fill([3], 2.5).dataSync()], [2.5, 2.5, 2.5]);
  assertEquals([...tf.fill([300], -0).dataSync()].every((x) => Object.is(x, -0)), true);
  assertThrows(() => tf.ones([400, -1]), Error, "integers");
});

testOnBackends("bands of matrices are tfjs's, with their gradient", () => {
  const x = tf.randomNormal([2, 7, 9], 0, 1, "float32", 4);
  for (const [lower, upper] of [[0, 0], [-1, 0], [2, -1], [-1, -1], [3, 1], [0, 9], [7, 2]]) {
    for (const dtype of ["float32", "int32", "bool"] as const) {
      const y = x.cast(dtype);
      const expected = stock.linalg.bandPart(y as never, lower, upper) as tf.Tensor;
      assertSame(tf.linalg.bandPart(y, lower, upper), expected, `${lower} ${upper} ${dtype}`);
    }
    const slope = tf.grad((x: tf.Tensor) => tf.linalg.bandPart(x, lower, upper).square().sum())(x);
    assertSame(slope, tf.linalg.bandPart(x.mul(2), lower, upper));
  }
  assertThrows(() => tf.linalg.bandPart(x, 8, 1), Error, "numLower");
});

testOnBackends("values find their places in sorted rows", () => {
  for (const dtype of ["float32", "int32"] as const) {
    const sorted = tf.tensor2d([[0, 1, 1, 3, 7], [-2, -2, 0, 5, 5]], undefined, dtype);
    const values = tf.tensor2d([[1, -1, 8], [5, -2, -3]], undefined, dtype);
    assertEquals([...tf.searchSorted(sorted, values, "left").dataSync()], [1, 0, 5, 3, 0, 0]);
    assertEquals([...tf.searchSorted(sorted, values, "right").dataSync()], [3, 0, 5, 5, 2, 0]);
  }
});

testOnBackends("slices are placed where indices say", () => {
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const x = tf.zeros([4, 2], dtype), indices = tf.tensor2d([[3], [0], [3]], undefined, "int32");
    const updates = tf.tensor2d([[1, 0], [1, 1], [0, 1]], undefined, dtype);
    // The last slice for a place stays.
    const y = tf.tensorScatterUpdate(x, indices, updates);
    assertEquals([...y.dataSync()], [1, 1, 0, 0, 0, 0, 0, 1]);
    assertThrows(() => tf.tensorScatterUpdate(x, indices.add(tf.scalar(1, "int32")), updates));
  }
  const places = tf.tensor2d([[0, 2], [1, 0]], undefined, "int32");
  const dense = tf.sparseToDense(places, tf.tensor1d([5, 6]), [2, 3], 9);
  assertEquals([...dense.dataSync()], [9, 9, 5, 6, 9, 9]);
  const row = tf.sparseToDense(tf.tensor1d([2, 0], "int32"), tf.tensor1d([5, 6]), [4], 0);
  assertEquals([...row.dataSync()], [6, 0, 5, 0]);
});

testOnBackends("long sums are precise, and do not overflow on the way", () => {
  const x = tf.randomNormal([3000, 40], 0, 1, "float32", 7);
  const values = x.dataSync();
  const columns = new Float64Array(40);
  values.forEach((value, i) => columns[i % 40] += value);
  tf.sum(x, 0).dataSync().forEach((sum, i) => assert(Math.abs(sum - columns[i]) < 2e-5));
  const total = columns.reduce((sum, value) => sum + value, 0);
  assert(Math.abs(tf.sum(x).dataSync()[0] - total) < 1e-4);
  const half = tf.fill([2 ** 14], 3e38), huge = tf.concat([half, half.neg()]);
  assertEquals(huge.sum().dataSync()[0], 0);
  assertEquals([...huge.reshape([2 ** 14, 2]).sum(0).dataSync()], [0, 0]);
  const special = tf.concat([tf.fill([20000], 1), tf.tensor1d([Infinity])]);
  assertEquals(special.sum().dataSync()[0], Infinity);
  assertEquals(special.neg().sum().dataSync()[0], -Infinity);
  assert(Number.isNaN(special.sub(Infinity).sum().dataSync()[0]));
});

testOnBackends("weighted counts are sums in doubles", () => {
  const x = tf.tensor1d([0, 3, 3, 9, 1], "int32"), weights = tf.tensor1d([1, 2, 0.5, 4, 8]);
  const none = tf.tensor1d([]) as tf.Tensor1D;
  assertEquals([...tf.bincount(x, weights, 5).dataSync()], [1, 8, 0, 2.5, 0]);
  assertEquals([...tf.bincount(x, none, 4).dataSync()], [1, 1, 0, 2]);
  const rows = tf.tensor2d([[0, 1, 1], [2, 2, 5]], undefined, "int32");
  assertEquals([...tf.denseBincount(rows, none as never, 3).dataSync()], [1, 2, 0, 0, 0, 2]);
  assertEquals([...tf.denseBincount(rows, none as never, 3, true).dataSync()], [1, 1, 0, 0, 0, 1]);
  assertThrows(() => tf.bincount(x.neg(), none, 5), Error, "non-negative");
});

testOnBackends("the gradient of one part of a tensor is put among zeros", () => {
  const x = tf.randomNormal([3, 7, 2]);
  const slope = tf.grad((x: tf.Tensor) => tf.split(x, [2, 4, 1], 1)[1].mul(3).sum())(x);
  assertSame(slope, tf.fill([3, 4, 2], 3).pad([[0, 0], [2, 1], [0, 0]]));
  const both = tf.grad((x: tf.Tensor) => {
    const [a, , c] = tf.split(x, [2, 4, 1], 1);
    return a.sum().add(c.mul(2).sum());
  })(x);
  assertSame(both, tf.concat([tf.ones([3, 2, 2]), tf.zeros([3, 4, 2]), tf.fill([3, 1, 2], 2)], 1));
});

type Loss = (labels: tf.Tensor, predictions: tf.Tensor) => tf.Tensor;

/** A loss as it is, and as tfjs composes it. */
function losses(
  name: "huberLoss" | "logLoss" | "hingeLoss" | "sigmoidCrossEntropy" | "softmaxCrossEntropy",
  ...rest: unknown[]
): [Loss, Loss] {
  return [tf, stock].map(({ losses }) => (labels: tf.Tensor, x: tf.Tensor) =>
    (losses[name] as (...args: unknown[]) => tf.Tensor)(labels, x, ...rest)
  ) as [Loss, Loss];
}

testOnBackends(
  "losses of elements are those of tfjs, with both gradients and their gradients",
  (backend) => {
    const { Reduction } = tf;
    for (const shape of [[1, 1], [3, 5], [7, 33]]) {
      const labels = tf.randomUniform(shape, 0, 1, "float32", 3);
      const weights = tf.randomUniform([shape[0], 1], 0, 2, "float32", 4);
      for (
        const [name, low, high, [ours, theirs]] of [
          ["huber", -3, 3, losses("huberLoss")],
          ["huber of 0.3", -3, 3, losses("huberLoss", undefined, 0.3)],
          ["huber, weighted", -3, 3, losses("huberLoss", weights, 0.3)],
          ["huber, sum", -3, 3, losses("huberLoss", undefined, 1, Reduction.SUM)],
          ["log", 0.05, 0.95, losses("logLoss")],
          ["log, mean", 0.05, 0.95, losses("logLoss", weights, 1e-3, Reduction.MEAN)],
          ["hinge", -2, 2, losses("hingeLoss")],
          ["hinge, none", -2, 2, losses("hingeLoss", weights, Reduction.NONE)],
          ["sigmoid", -4, 4, losses("sigmoidCrossEntropy")],
          ["sigmoid, smoothed", -4, 4, losses("sigmoidCrossEntropy", weights, 0.2)],
          ["softmax", -4, 4, losses("softmaxCrossEntropy")],
          ["softmax, weighted", -4, 4, losses("softmaxCrossEntropy", weights.reshape([-1]), 0.1)],
        ] as [string, number, number, [Loss, Loss]][]
      ) {
        const x = tf.randomUniform(shape, low, high, "float32", 5);
        assert(relativeError(ours(labels, x), theirs(labels, x)) < 1e-5, `${name} of [${shape}]`);
        const slopes = (loss: Loss) => tf.grads((t, x) => loss(t, x).sum())([labels, x]);
        const again = (loss: Loss) =>
          tf.grad((x: tf.Tensor) =>
            tf.grad((x: tf.Tensor) => loss(labels, x).sum())(x).square().sum()
          )(x);
        slopes(ours).forEach((slope, i) =>
          assert(relativeError(slope, slopes(theirs)[i]) < 2e-5, `gradient ${i} of ${name}`)
        );
        assert(
          relativeError(again(ours), again(theirs)) < 1e-4,
          `gradient of the gradient of ${name}`,
        );
      }
    }
    if (backend === "cpu") return;
    const special = tf.tensor1d([NaN, Infinity, -Infinity, 0]), zeros = tf.zeros([4]);
    assertEquals(
      [...tf.losses.huberLoss(zeros, special, undefined, 1, Reduction.NONE).dataSync()],
      [
        ...[NaN, Infinity, Infinity, 0],
      ],
    );
    assertEquals(
      tf.losses.hingeLoss(tf.tensor1d([0, 1], "bool"), tf.tensor1d([-2, 3])).dataSync()[0],
      0,
    );
    assertEquals([
      ...tf.losses.sigmoidCrossEntropy(zeros, special, undefined, 0, Reduction.NONE).dataSync(),
    ], [
      ...[NaN, Infinity, NaN, Math.fround(Math.log(2))],
    ]);
  },
);

testOnBackends("norms are those of tfjs", () => {
  const x = tf.randomNormal([5, 7], 0, 1, "float32", 3);
  for (
    const args of [[], [2], ["euclidean", 1], [2, [0], true], [1, 1], [Infinity, 0], ["fro", [
      0,
      1,
    ]], [2, -1]]
  ) {
    const [a, b] = [tf.norm, stock.norm].map((norm) =>
      norm(x as never, ...args as []) as tf.Tensor
    );
    assert(relativeError(a, b) < 1e-6 && a.shape.join() === b.shape.join(), `${args}`);
    if (args.length === 0) assert(relativeError(tf.euclideanNorm(x), a) < 1e-6);
    const method = x.norm(...args as []);
    assertSame(method, a, `${args}`);
  }
  assertEquals(tf.norm(tf.tensor1d([NaN, 1])).dataSync()[0], NaN);
  const slope = tf.grad((x: tf.Tensor) => tf.norm(x))(x);
  assert(relativeError(slope, x.div(tf.norm(x))) < 1e-6);
});

testOnBackends("timeDistributed applies its layer to all steps at once", () => {
  const x = tf.randomNormal([3, 5, 4, 4, 2], 0, 1, "float32", 1);
  const convolution = tf.layers.conv2d({ filters: 3, kernelSize: 2 });
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 3, kernelSize: 2, inputShape: [4, 4, 2] }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 6, activation: "relu" }),
    ],
  });
  for (const layer of [convolution, model]) {
    const outer = tf.layers.timeDistributed({ layer });
    const y = outer.apply(x, { training: true }) as tf.Tensor;
    const steps = tf.unstack(x, 1).map((step) => layer.apply(step) as tf.Tensor);
    assert(relativeError(y, tf.stack(steps, 1)) < 1e-5);
    assertEquals(y.shape, outer.computeOutputShape(x.shape));
    layer.weights.forEach((weight) => weight.dispose());
  }
  // Each step has statistics of its own, as in tfjs.
  const norm = tf.layers.batchNormalization();
  const outer = tf.layers.timeDistributed({ layer: norm });
  const rows = tf.randomNormal([8, 3, 2], 0, 1, "float32", 2).add([[[0], [5], [-5]]] as never);
  const means = (outer.apply(rows, { training: true }) as tf.Tensor).mean(0).abs().max();
  assert(means.dataSync()[0] < 1e-3);
  norm.weights.forEach((weight) => weight.dispose());
});

testOnBackends("elements are gathered one by one", () => {
  const x = tf.randomNormal([3, 5], 0, 1, "float32", 1);
  const indices = tf.tensor2d([[4, 0], [1, 1], [2, 3]], undefined, "int32");
  const values = x.arraySync() as number[][];
  const expected = [[4, 0], [1, 1], [2, 3]].flatMap((row, i) => row.map((at) => values[i][at]));
  assertEquals([...x.gather(indices, 1, 1).dataSync()], expected);
  assertEquals(
    [...x.gather(tf.tensor1d([2, 0], "int32"), 1).dataSync()],
    values.flatMap((row) => [row[2], row[0]]),
  );
});

testOnBackends("short rows are repeated many times, of any dtype", (backend) => {
  for (const dtype of ["float32", "int32", "bool", "complex64"] as const) {
    // The cpu backend does not tile complex numbers.
    if (dtype === "complex64" && backend === "cpu") continue;
    for (const [columns, times] of [[3, 1], [3, 5000], [7, 2], [32, 700], [65, 3]]) {
      const values = Array.from({ length: 2 * columns }, (_, i) => i % 3 === 0 ? 1 : 0);
      const real = tf.tensor(values, [2, 1, columns]);
      const x = dtype === "complex64" ? tf.complex(real, tf.sub(1, real)) : real.cast(dtype);
      const y = tf.tile(x, [1, times, 1]), parts = dtype === "complex64" ? 2 : 1;
      const source = x.dataSync(), actual = y.dataSync(), width = columns * parts;
      assertEquals(y.shape, [2, times, columns]);
      for (let i = 0; i < actual.length; i++) {
        const row = Math.floor(i / (width * times));
        if (actual[i] !== source[row * width + i % width]) {
          assertEquals(i, -1, `${dtype} ${columns}`);
        }
      }
    }
  }
});

testOnBackends(
  "depthwise convolutions of few channels are sums over channels of their own",
  (backend) => {
    if (backend === "cpu") return;
    for (const channels of [1, 2, 3]) {
      for (
        const [height, width, filter, strides, pad, dilation] of [
          [9, 13, [3, 3], 1, "same", 1],
          [8, 40, [3, 5], 1, "valid", 1],
          [7, 11, [2, 4], 1, "same", 1],
          [9, 31, [3, 3], 1, "same", 2],
          [5, 6, [5, 1], [2, 1], "valid", 1],
          [4, 3, [3, 3], 1, [[0, 0], [2, 1], [3, 0], [0, 0]], 1],
          [1, 1, [1, 1], 1, "same", 1],
        ] as [number, number, [number, number], 1 | [number, number], "same", number][]
      ) {
        const x = tf.randomNormal([2, height, width, channels], 0, 1, "float32", 1) as tf.Tensor4D;
        const w = tf.randomNormal([...filter, channels, 1], 0, 1, "float32", 2) as tf.Tensor4D;
        const whole = (x: tf.Tensor4D) => tf.depthwiseConv2d(x, w, strides, pad, "NHWC", dilation);
        // One channel after the other, as convolutions.
        const parts = (x: tf.Tensor4D) =>
          tf.concat(
            tf.split<tf.Tensor4D>(x, channels, 3).map((part, i) =>
              tf.conv2d(part, w.slice([0, 0, i, 0], [-1, -1, 1, 1]), strides, pad, "NHWC", dilation)
            ),
            3,
          );
        const label = `${channels} channels, ${filter}, ${pad}, ${dilation}`;
        assert(relativeError(whole(x), parts(x)) < 1e-5, label);
        const slope = (f: (x: tf.Tensor4D) => tf.Tensor) =>
          tf.grad((x) => f(x as tf.Tensor4D).square().sum())(x);
        assert(relativeError(slope(whole), slope(parts)) < 1e-5, `gradient of ${label}`);
      }
    }
    // An infinite weight meets no padding.
    const w = tf.tensor4d([0, 0, 0, Infinity], [1, 4, 1, 1]);
    const y = tf.depthwiseConv2d(tf.ones([1, 1, 4, 1]) as tf.Tensor4D, w, 1, "same");
    assertEquals([...y.dataSync()], [Infinity, Infinity, 0, 0]);
  },
);

testOnBackends("images have methods that resize them", () => {
  const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
  assertEquals(x.resizeBilinear([4, 4]).shape, [1, 4, 4, 1]);
  assertEquals([...x.resizeNearestNeighbor([1, 1]).dataSync()], [1]);
});
