import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { tf } from "../../mod.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

function wave(shape: number[]): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  return tf.tensor(Array.from({ length: size }, (_, i) => Math.sin(i * i + i)), shape);
}

testOnBackends("products broadcast both operands, also fused ones", () => {
  const a = wave([3, 1, 2, 4]), b = wave([2, 4, 5]);
  const whole = tf.stack(
    [0, 1, 2].map((i) =>
      tf.stack([0, 1].map((j) =>
        tf.matMul(
          a.slice([i, 0, 0, 0], [1, 1, 2, 4]).reshape([2, 4]),
          b.slice([j, 0, 0], [1, 4, 5]).reshape([4, 5]),
        )
      ))
    ),
  );
  const product = tf.matMul(a, b);
  assertEquals(product.shape, [3, 2, 2, 5]);
  assert(relativeError(product, whole) < 1e-6);
  const fused = tf.fused.matMul({
    a: a as never,
    b: b.expandDims(0) as never,
    transposeA: false,
    transposeB: false,
    activation: "relu",
  });
  assert(relativeError(fused, whole.relu()) < 1e-6);
});

testOnBackends("batchNorm broadcasts statistics along any axis", () => {
  const x = wave([2, 3, 4, 2]);
  const mean = wave([3, 1, 1]), variance = wave([3, 1, 1]).abs();
  const actual = tf.batchNorm(
    x,
    mean.expandDims(0) as never,
    variance.expandDims(0) as never,
    undefined,
    undefined,
    0.1,
  );
  assert(relativeError(actual, x.sub(mean).div(variance.add(0.1).sqrt())) < 1e-5);
});

testOnBackends("tensorScatterUpdate leaves its input as it was", () => {
  const x = tf.zeros([4]);
  const y = tf.tensorScatterUpdate(x, tf.tensor2d([[1]], [1, 1], "int32"), tf.ones([1]));
  assertEquals([...y.dataSync()], [0, 1, 0, 0]);
  assertEquals([...x.dataSync()], [0, 0, 0, 0]);
});

testOnBackends("stridedSlice takes strides of the axes that stay", () => {
  const x = tf.range(0, 24).reshape([2, 3, 4]);
  const take = (...masks: number[]) =>
    tf.stridedSlice(x, [1, 0, 3], [2, 3, -5], [1, 2, -2], 0, 0, 0, 0, ...masks);
  assertEquals(take().shape, [1, 2, 2]);
  const y = take(1);
  assertEquals(y.shape, [2, 2]);
  assertEquals([...y.dataSync()], [15, 13, 23, 21]);
});

testOnBackends("transform moves each image of a batch", () => {
  const x = tf.range(0, 12).reshape([2, 2, 3, 1]) as tf.Tensor4D;
  // One column to the left.
  const y = tf.image.transform(x, tf.tensor2d([[1, 0, 1, 0, 1, 0, 0, 0]]), "nearest", "nearest");
  assertEquals([...y.dataSync()], [1, 2, 2, 4, 5, 5, 7, 8, 8, 10, 11, 11]);
});

testOnBackends("a padding that is a number suits every window", () => {
  const image = wave([2, 5, 6, 2]) as tf.Tensor4D;
  const padded = (p: number) => image.pad([[0, 0], [p, p], [p, p], [0, 0]]) as tf.Tensor4D;
  const square = [[3, 3], [1, 1]], wide = [[1, 3], [1, 1]], strided = [[2, 3], [2, 1]];
  for (const [[height, width], strides] of [square, wide, strided] as [number, number][][]) {
    const filter = wave([height, width, 2, 3]) as tf.Tensor4D;
    for (const pad of [1, 2]) {
      const actual = tf.conv2d(image, filter, strides as [number, number], pad);
      const expected = tf.conv2d(padded(pad), filter, strides as [number, number], "valid");
      assertEquals(actual.shape, expected.shape);
      assert(relativeError(actual, expected) < 1e-5);
      const slope = tf.grad((x: tf.Tensor) =>
        tf.conv2d(x as tf.Tensor4D, filter, strides as [number, number], pad).square().sum()
      )(image);
      const expectedSlope = tf.grad((x: tf.Tensor) =>
        tf.conv2d(
          x.pad([[0, 0], [pad, pad], [pad, pad], [0, 0]]) as tf.Tensor4D,
          filter,
          strides as [number, number],
          "valid",
        ).square().sum()
      )(image);
      assert(relativeError(slope, expectedSlope) < 1e-4);
      const depthwise = tf.depthwiseConv2d(image, filter, strides as [number, number], pad);
      const whole = tf.depthwiseConv2d(padded(pad), filter, strides as [number, number], "valid");
      assert(relativeError(depthwise, whole) < 1e-5);
    }
    const pool = tf.maxPool(
      image.add(9) as tf.Tensor4D,
      [height, width],
      strides as [number, number],
      1,
    );
    assertEquals(pool.shape.slice(1, 3), [
      Math.floor((5 + 2 - height) / strides[0]) + 1,
      Math.floor((6 + 2 - width) / strides[1]) + 1,
    ]);
  }
  // Sequences are padded along their only axis.
  const sequence = wave([2, 7, 2]) as tf.Tensor3D, filter = wave([3, 2, 4]) as tf.Tensor3D;
  const actual = tf.conv1d(sequence, filter, 2, 2);
  const expected = tf.conv1d(
    sequence.pad([[0, 0], [2, 2], [0, 0]]) as tf.Tensor3D,
    filter,
    2,
    "valid",
  );
  assertEquals(actual.shape, expected.shape);
  assert(relativeError(actual, expected) < 1e-5);
});

testOnBackends("tf.train.rmsprop with centered leaves a weight without a gradient as it is", () => {
  const w = tf.variable(tf.tensor1d([1, 1]));
  const optimizer = tf.train.rmsprop(0.01, 0.9, 0, 1e-8, true);
  optimizer.applyGradients({ [w.name]: tf.tensor1d([0, 1]) });
  const [still, moved] = w.dataSync();
  assertEquals(still, 1);
  // PyTorch's figure.
  assertAlmostEquals(moved, 0.9667, 1e-4);
  for (let i = 0; i < 300; i++) optimizer.applyGradients({ [w.name]: tf.tensor1d([0, 1]) });
  assert(w.dataSync().every(Number.isFinite), `a steady gradient: ${w.dataSync()}`);
  optimizer.dispose();
  w.dispose();
});

/** The gradient of the sum of a function's results. */
function slopeOf(compute: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): number[] {
  return [...tf.grad((x: tf.Tensor) => compute(x).sum())(x).dataSync()];
}

testOnBackends("logSumExp is exact where elements are infinite, or none", () => {
  const rows: [number[], number, number[]][] = [
    [[-Infinity, -Infinity], -Infinity, [NaN, NaN]],
    [[-Infinity, 2], 2, [0, 1]],
    [[Infinity, 1], Infinity, [NaN, 0]],
    [[NaN, 1], NaN, [NaN, NaN]],
    [[1e30, -1e30], 1e30, [1, 0]],
    [[], -Infinity, []],
  ];
  for (const [row, sum, slopes] of rows) {
    const x = tf.tensor2d(row, [1, row.length]);
    assertEquals([...x.logSumExp(1).dataSync()], [Math.fround(sum)], `${row}`);
    assertEquals(slopeOf((x) => x.logSumExp(1, true), x), slopes, `gradients of ${row}`);
  }
});

testOnBackends("softmaxCrossEntropy masks classes, and keeps the digits of large logits", () => {
  const loss = (labels: tf.Tensor, logits: tf.Tensor) =>
    tf.losses.softmaxCrossEntropy(labels, logits, undefined, 0, tf.Reduction.NONE);
  const logits = tf.tensor2d([[-Infinity, 1, 2], [5e6, 5e6 + 1, 5e6 + 2]]);
  const labels = tf.tensor2d([[0, 1, 0], [0, 1, 0]]);
  const [masked, large] = loss(labels, logits).dataSync();
  assertAlmostEquals(masked, 1.3132616, 1e-6);
  assertAlmostEquals(large, 1.4076059, 1e-6);
  assert(loss(tf.tensor2d([[1, 0, 0]]), logits.slice([0], [1])).dataSync()[0] === Infinity);
  // PyTorch's gradients, also where labels are not shares of one.
  const [byLabels, byLogits] = tf.grads((a, b) => loss(a, b).sum())([labels.mul(2), logits]);
  const expected = [0, -1.4621172, 1.4621172, 0.1800611, -1.5105432, 1.3304819];
  assert(relativeError(byLogits, expected) < 1e-5, `${byLogits.dataSync()}`);
  const own = tf.tensor2d([[1, 0]]), two = tf.tensor2d([[1, 3]]);
  const [slope] = tf.grads((a, b) => loss(a, b).sum())([own, two]);
  assert(relativeError(slope, [2.1269280, 0.1269280]) < 1e-5, `${slope.dataSync()}`);
  assert(byLabels.dataSync().every((slope) => !Number.isNaN(slope)));
});

testOnBackends("powers of 1 are 1, and remainders are those of floors", () => {
  const pow = (a: number, b: number) => tf.pow(tf.tensor1d([a, 3]), [b, 2]).dataSync()[0];
  for (const b of [NaN, Infinity, -Infinity]) assertEquals(pow(1, b), 1);
  for (const b of [Infinity, -Infinity]) assertEquals(pow(-1, b), 1);
  assertEquals(pow(-1, NaN), NaN);
  const mod = (a: number, b: number) => tf.mod(tf.tensor1d([a, 3]), [b, 2]).dataSync()[0];
  assertEquals(mod(-1e-30, 3), 3);
  assertEquals(mod(1, -1e30), Math.fround(-1e30));
  assertEquals([mod(-1, Infinity), mod(1, -Infinity)], [Infinity, -Infinity]);
  assertEquals([mod(1, Infinity), mod(0, Infinity), mod(Infinity, 2)], [1, 0, NaN]);
  assertEquals([mod(5.5, -2), mod(-5.5, 2), mod(-4, 2)], [-0.5, 0.5, 0]);
});

testOnBackends("erf keeps the digits of small numbers", () => {
  const x = [1e-30, -1e-8, 1e-3, 0.5, -2, 9];
  const expected = [1.1283792e-30, -1.1283792e-8, 1.1283788e-3, 0.5204999, -0.9953223, 1];
  tf.erf(x).dataSync().forEach((y, i) => {
    assertAlmostEquals(y / expected[i], 1, 2e-6, `erf(${x[i]}) is ${y}`);
  });
  assertEquals(tf.erf([NaN]).dataSync()[0], NaN);
});

testOnBackends("topk takes NaN for the largest element", () => {
  const { values, indices } = tf.topk(tf.tensor2d([[1, NaN, Infinity, 3], [NaN, 2, NaN, 0]]), 3);
  assertEquals([...values.dataSync()], [NaN, Infinity, 3, NaN, NaN, 2]);
  assertEquals([...indices.dataSync()], [1, 2, 3, 0, 2, 1]);
});

testOnBackends("all of no elements is true, any is false", () => {
  const none = tf.zeros([2, 0], "bool");
  assertEquals([...none.all(1).dataSync()], [1, 1]);
  assertEquals(none.all(1, true).shape, [2, 1]);
  assertEquals([...none.all().dataSync()], [1]);
  assertEquals([...none.any(1).dataSync()], [0, 0]);
  assertEquals(none.all(0).shape, [0]);
});

testOnBackends("einsum sums operands that share few labels or none", () => {
  const a = wave([2, 3]), b = wave([4, 2]);
  const sum = tf.einsum("ij,kl->", a, b);
  assertEquals(sum.shape, []);
  assert(relativeError(sum, a.sum().mul(b.sum())) < 1e-5);
  assert(relativeError(tf.einsum("ij,jk->", b, a), b.matMul(a as tf.Tensor2D).sum()) < 1e-5);
  const rows = tf.einsum("ij,kl->kj", a, b);
  assert(
    relativeError(rows, tf.outerProduct(b.sum(1) as tf.Tensor1D, a.sum(0) as tf.Tensor1D)) < 1e-5,
  );
  const integers = tf.tensor1d([1, 2], "int32");
  assertEquals(tf.einsum("i,i->", integers, integers).dtype, "int32");
});

testOnBackends("operations of no elements have gradients of no elements", () => {
  for (const shape of [[2, 0], [0, 3]]) {
    const x = tf.zeros(shape);
    for (
      const compute of [
        (x: tf.Tensor) => tf.moments(x, shape.indexOf(0), true).variance,
        (x: tf.Tensor) => x.add(x.sum(1, true)),
        (x: tf.Tensor) => x.sum(0, true).sub(x),
        (x: tf.Tensor) => tf.topk(x, shape[1]).values,
        (x: tf.Tensor) => x.logSumExp(shape.indexOf(0)),
        (x: tf.Tensor) => tf.where(x.greater(0), 0, x),
        (x: tf.Tensor) => tf.scatterND(tf.zeros([shape[0], 1], "int32"), x, [2, shape[1]]),
      ]
    ) assertEquals(slopeOf(compute, x), []);
  }
});

testOnBackends("an index beyond its axis is an error, not a place on another", () => {
  const x = tf.zeros([2, 3]), indices = tf.tensor2d([[0, 1], [0, 3]], [2, 2], "int32");
  const updates = tf.ones([2]);
  for (
    const compute of [
      () => tf.gatherND(x, indices),
      () => tf.scatterND(indices, updates, [2, 3]),
      () => tf.tensorScatterUpdate(x, indices, updates),
    ]
  ) assertThrows(compute, Error, "0,3 does not index into 2,3");
});

testOnBackends("smooth functions of integers and booleans are floats, as in PyTorch", () => {
  const functions = [tf.acos, tf.acosh, tf.asin, tf.asinh, tf.atan, tf.atanh, tf.expm1, tf.log1p]
    .concat(tf.reciprocal, tf.selu, tf.sinh, tf.softplus, tf.logSigmoid);
  for (const compute of functions) {
    for (const dtype of ["int32", "bool"] as const) {
      const x = tf.tensor1d([0, 1], dtype), y = compute(x);
      assertEquals(y.dtype, "float32", compute.name);
      assertEquals([...y.dataSync()], [...compute(x.toFloat()).dataSync()], compute.name);
    }
  }
  const two = tf.tensor1d([2], "int32");
  assertAlmostEquals(tf.atan2(tf.tensor1d([1], "int32"), two).dataSync()[0], 0.4636476, 1e-6);
  const normal = tf.batchNorm(two.expandDims(0) as tf.Tensor2D, tf.tensor1d([1]), tf.tensor1d([3]));
  assertAlmostEquals(normal.dataSync()[0], 1 / Math.sqrt(3.001), 1e-6);
});

testOnBackends("concat takes floats for floats, whatever comes first", () => {
  const integers = tf.tensor1d([3], "int32"), floats = tf.tensor1d([1.5]);
  const flags = tf.tensor1d([true], "bool");
  const check = (tensors: tf.Tensor[], dtype: tf.DataType, values: number[]) => {
    const whole = tf.concat(tensors);
    assertEquals([whole.dtype, [...whole.dataSync()]], [dtype, values]);
  };
  check([integers, floats], "float32", [3, 1.5]);
  check([floats, flags], "float32", [1.5, 1]);
  check([flags, integers], "int32", [1, 3]);
  check([flags, flags], "bool", [1, 1]);
  const slope = tf.grad((x: tf.Tensor) => tf.concat([integers, x]).square().sum())(floats);
  assertEquals([...slope.dataSync()], [3]);
});

testOnBackends("sums and differences of booleans are integers", () => {
  const a = tf.tensor1d([1, 0, 1], "bool"), b = tf.tensor1d([1, 1, 0], "bool");
  assertEquals([...a.add(b).dataSync()], [2, 1, 1]);
  assertEquals([...a.sub(b).dataSync()], [0, -1, 1]);
  assertEquals([...a.neg().dataSync()], [-1, 0, -1]);
  assertEquals([...a.mul(b).dataSync()], [1, 0, 0]);
  assertEquals(a.add(b).sum().dataSync()[0], 4);
  const matrix = tf.tensor2d([1, 1, 0, 1], [2, 2], "bool");
  assertEquals([...matrix.matMul(matrix).dataSync()], [1, 2, 0, 1]);
});

testOnBackends("large integers keep all their digits", () => {
  const x = tf.tensor1d([16777217, -2147483647, 46341], "int32");
  assertEquals([...x.abs().dataSync()], [16777217, 2147483647, 46341]);
  assertEquals([...x.square().dataSync()], [33554433, 1, -2147479015]);
  assertEquals([...x.mul(x).dataSync()], [33554433, 1, -2147479015]);
  assertEquals([...x.mul(tf.scalar(3, "int32")).dataSync()], [50331651, -2147483645, 139023]);
  const sums = tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1], "int32"), 2);
  assertEquals([sums.dtype, [...sums.dataSync()]], ["int32", [-2147483647, 16823558]]);
});

testOnBackends(
  "rotated images are filled with any number, and have gradients where they came from",
  () => {
    const x = wave([1, 4, 4, 1]) as tf.Tensor4D;
    for (const fill of [-0.5, 1.25, 300]) {
      const rotated = tf.image.rotateWithOffset(x, 0.5, fill).dataSync();
      assertEquals([rotated[0], rotated[3]], [fill, fill]);
    }
    // The first pixel has left the image.
    const slopes = slopeOf((x) => tf.image.rotateWithOffset(x as tf.Tensor4D, 0.5), x);
    assertEquals(slopes.slice(0, 4), [0, 1, 1, 1]);
  },
);

testOnBackends("where broadcasts one element to none", () => {
  for (const shape of [[0], [0, 3], [0, 0], [2, 0]]) {
    const x = tf.zeros(shape);
    assertEquals(tf.where(x.greater(0), 1, x).shape, shape);
    assertEquals(tf.where(x.greater(0), x, 1).shape, shape);
    assertEquals(tf.where(true, 1, x).shape, shape);
  }
});

testOnBackends("divNoNan has gradients as far as floats reach", () => {
  const b = tf.tensor1d([0, 2, 1e30, 1e-20]);
  const a = tf.tensor1d([1, 3, 1e30, 1e-20]);
  const slope = tf.grad((b: tf.Tensor) => tf.divNoNan(a, b).sum())(b);
  const expected = [0, -0.75, -1e-30, -1e20];
  slope.dataSync().forEach((y, i) => {
    assertAlmostEquals(y, expected[i], 1e-6 * Math.abs(expected[i]));
  });
});

testOnBackends("setMomentum() of tf.train.momentum acts on the next update", () => {
  const w = tf.variable(tf.scalar(0));
  const optimizer = tf.train.momentum(1, 0.5);
  const update = () => optimizer.applyGradients([{ name: w.name, tensor: tf.scalar(1) }]);
  update();
  optimizer.setMomentum(0.25);
  update();
  // The second step is 1 + 0.25 of the first.
  assertEquals(w.dataSync()[0], -2.25);
  optimizer.dispose();
  // tfjs forgets the learning rate of momentum.
  (optimizer as unknown as { c: tf.Tensor }).c.dispose();
  w.dispose();
});

const optimizers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.1, 0.9, true),
  adagrad: () => tf.train.adagrad(0.1),
  adadelta: () => tf.train.adadelta(0.1),
  adam: () => tf.train.adam(0.1),
  adamax: () => tf.train.adamax(0.1),
  rmsprop: () => tf.train.rmsprop(0.1),
  "rmsprop with momentum": () => tf.train.rmsprop(0.1, 0.9, 0.5),
  "centered rmsprop": () => tf.train.rmsprop(0.1, 0.9, 0.5, undefined, true),
};

for (const [name, create] of Object.entries(optimizers)) {
  testOnBackends(`${name} leaves a weight alone whose gradient is 0`, () => {
    const w = tf.variable(tf.tensor1d([1, -2, 3]));
    const optimizer = create();
    for (let i = 0; i < 5; i++) optimizer.applyGradients({ [w.name]: tf.tensor1d([0, 0, 1]) });
    const [first, second, third] = w.dataSync();
    assertEquals([first, second], [1, -2]);
    assert(third < 3 && Number.isFinite(third));
    optimizer.dispose();
    // tfjs forgets the learning rate of momentum.
    const { c } = optimizer as unknown as { c?: tf.Tensor };
    if (c && !c.isDisposed) c.dispose();
    w.dispose();
  });
}

testOnBackends("the mean of no elements is NaN, and has gradients", () => {
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const x = tf.zeros([0, 3], dtype);
    assertEquals([...tf.mean(x).dataSync()], [NaN]);
    assertEquals([...tf.mean(x, 0).dataSync()], [NaN, NaN, NaN]);
    assertEquals(tf.mean(x, 0, true).shape, [1, 3]);
    assertEquals(tf.mean(x, 1).shape, [0]);
    assertEquals([...tf.moments(x, 0).variance.dataSync()], [NaN, NaN, NaN]);
  }
  assertEquals(tf.grad((x: tf.Tensor) => x.mean())(tf.zeros([0, 3])).shape, [0, 3]);
});

testOnBackends("an extreme of no elements is an error", () => {
  for (const reduce of [tf.max, tf.min, tf.argMax, tf.argMin]) {
    for (const dtype of ["float32", "int32"] as const) {
      const x = tf.zeros([0, 3], dtype);
      assertThrows(() => reduce(x, 0), RangeError, "as the axes 0 must have elements");
      assertEquals(reduce(x, 1).shape, [0]);
    }
  }
  assertThrows(() => tf.max(tf.zeros([2, 0])), RangeError, "current shape is [2,0]");
  assertEquals([...tf.logSumExp(tf.zeros([0, 2]), 0).dataSync()], [-Infinity, -Infinity]);
});

testOnBackends("broadcastTo repeats one element zero times", () => {
  const shapes = [[[1], [0]], [[1, 3], [0, 3]], [[1, 1], [0, 2]], [[], [2, 0]], [[0], [2, 0]]];
  for (const [from, to] of shapes) {
    for (const y of [tf.broadcastTo(tf.ones(from), to), tf.ones(from).broadcastTo(to)]) {
      assertEquals(y.shape, to);
      assertEquals(y.dataSync().length, 0);
    }
    const slopes = tf.grad((x: tf.Tensor) => x.broadcastTo(to).sum())(tf.ones(from));
    assertEquals([...slopes.dataSync()], from.includes(0) ? [] : Array(slopes.size).fill(0));
  }
  assertThrows(() => tf.broadcastTo(tf.ones([2]), [0]), Error, "cannot be broadcast");
  assertThrows(() => tf.broadcastTo(tf.ones([5, 1]), [0, 0]), Error, "cannot be broadcast");
});

testOnBackends("a padding of 0 adds nothing, also for windows that are no squares", () => {
  const x = wave([1, 6, 7, 2]) as tf.Tensor4D;
  for (const [height, width] of [[1, 3], [3, 1], [2, 3]]) {
    const filter = wave([height, width, 2, 3]) as tf.Tensor4D;
    for (const dilations of [1, 2]) {
      const actual = tf.conv2d(x, filter, 1, 0, "NHWC", dilations);
      assert(relativeError(actual, tf.conv2d(x, filter, 1, "valid", "NHWC", dilations)) < 1e-6);
      const depthwise = tf.depthwiseConv2d(x, filter, 1, 0, "NHWC", dilations);
      const expected = tf.depthwiseConv2d(x, filter, 1, "valid", "NHWC", dilations);
      assertEquals(depthwise.shape, expected.shape);
      assert(relativeError(depthwise, expected) < 1e-6);
    }
    for (const pool of [tf.maxPool, tf.avgPool]) {
      const actual = pool(x, [height, width], [2, 1], 0);
      assert(relativeError(actual, pool(x, [height, width], [2, 1], "valid")) < 1e-6);
    }
  }
});

testOnBackends("the gradient of a norm has gradients where an element is 0", () => {
  const slopes = (x: tf.Tensor) => tf.grad((x: tf.Tensor) => tf.norm(x).mul(3))(x);
  const second = tf.grad((x: tf.Tensor) => slopes(x).slice(0, 1).sum())(tf.tensor1d([0, 3, 4]));
  assert(relativeError(second, [0.6, 0, 0]) < 1e-6);
  const rows = tf.grad((x: tf.Tensor) =>
    tf.grad((x: tf.Tensor) => x.norm(2, 1, true).sum())(x).square().sum()
  )(tf.tensor2d([[0, 1], [0, 0]]));
  assert([...rows.dataSync()].every(Number.isFinite));
  assertEquals(tf.norm(tf.ones([2, 3]), "euclidean", 1, true).shape, [2, 1]);
  assertEquals(tf.norm(tf.ones([2, 3]), 2, [0]).shape, [3]);
});

testOnBackends("elu and selu have no curvature at 0, as in PyTorch", () => {
  for (const f of [tf.elu, tf.selu]) {
    const first = (x: tf.Tensor) => tf.grad((x: tf.Tensor) => f(x).sum())(x);
    const second = tf.grad((x: tf.Tensor) => first(x).sum())(tf.tensor1d([0, 1]));
    assertEquals([...second.dataSync()], [0, 0]);
  }
});

testOnBackends("the gradient of a power has gradients where the exponent is 0", () => {
  const first = (b: tf.Tensor) =>
    tf.grad((a: tf.Tensor) => tf.pow(a, b).sum())(tf.tensor1d([2, 5]));
  const second = tf.grad((b: tf.Tensor) => first(b).sum())(tf.tensor1d([0, 0]));
  assert(relativeError(second, [1 / 2, 1 / 5]) < 1e-6);
  const atZero = tf.grad((a: tf.Tensor) => tf.pow(a, tf.tensor1d([0, 0])).sum());
  assertEquals([...atZero(tf.tensor1d([0, NaN])).dataSync()], [0, 0]);
});

testOnBackends("a function with its own gradient may read inputs that it has not saved", () => {
  const double = tf.customGrad((x) => ({
    value: (x as tf.Tensor).square(),
    gradFunc: (dy: tf.Tensor) => dy.mul((x as tf.Tensor).mul(2)),
  }));
  const compute = (x: tf.Tensor) => double(x.mul(3)).sum();
  assert(relativeError(tf.grad(compute)(tf.tensor1d([1, 2])), [18, 36]) < 1e-6);
  const second = tf.grad((x: tf.Tensor) => tf.grad(compute)(x).sum())(tf.tensor1d([1, 2]));
  assert(relativeError(second, [18, 18]) < 1e-6);
  const same = tf.customGrad((x) => ({ value: x as tf.Tensor, gradFunc: (dy: tf.Tensor) => dy }));
  const kept = tf.grad((x: tf.Tensor) => same(x.mul(3)).square().sum())(tf.tensor1d([1, 2]));
  assert(relativeError(kept, [18, 36]) < 1e-6);
});

testOnBackends(
  "matrices without elements have bands, and running products gradients of gradients",
  () => {
    for (const shape of [[0, 0], [2, 0, 3], [0, 2, 2], [2, 3, 0]]) {
      assertEquals(tf.linalg.bandPart(tf.zeros(shape), -1, 0).shape, shape);
      const first = (x: tf.Tensor) => tf.grad((x: tf.Tensor) => tf.cumprod(x, 1).sum())(x);
      const second = tf.grad((x: tf.Tensor) => first(x).sum().add(x.sum()))(tf.zeros(shape));
      assertEquals(second.shape, shape);
    }
  },
);
