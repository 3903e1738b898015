import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
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

testOnBackends("tf.train.rmsprop with centered leaves a weight without a slope as it is", () => {
  const w = tf.variable(tf.tensor1d([1, 1]));
  const optimizer = tf.train.rmsprop(0.01, 0.9, 0, 1e-8, true);
  optimizer.applyGradients({ [w.name]: tf.tensor1d([0, 1]) });
  const [still, moved] = w.dataSync();
  assertEquals(still, 1);
  // PyTorch's figure.
  assertAlmostEquals(moved, 0.9667, 1e-4);
  for (let i = 0; i < 300; i++) optimizer.applyGradients({ [w.name]: tf.tensor1d([0, 1]) });
  assert(w.dataSync().every(Number.isFinite), `a steady slope: ${w.dataSync()}`);
  optimizer.dispose();
  w.dispose();
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
  testOnBackends(`${name} leaves a weight alone whose slope is 0`, () => {
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
