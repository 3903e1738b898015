import { assertEquals, assertLess } from "@std/assert";
import { tf } from "../../mod.ts";
import { hasKernel, run, runAll } from "../../src/backend/gradients/gradient.ts";
import { normalize } from "../../src/backend/gradients/normalization.ts";
import { ACTIVATIONS } from "../../src/backend/gradients/unary.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";
import { type Case, sweep } from "./sweep.ts";

const EPSILON = 0.01;

/** By our kernel where there is one; else of operations. */
function layerNorm(
  x: tf.Tensor,
  count: number,
  scale?: tf.Tensor,
  offset?: tf.Tensor,
): tf.Tensor {
  const axes = x.shape.map((_, axis) => axis).slice(-count);
  if (!hasKernel("TrainchartLayerNorm")) return normalize(x, axes, EPSILON, scale, offset);
  const size = tf.util.sizeFromShape(x.shape.slice(-count));
  const inputs = { x, scale, offset } as tf.NamedTensorMap;
  return run("TrainchartLayerNorm", inputs, { axes, size, epsilon: EPSILON });
}

/** By our kernel where there is one; else of operations. */
function batchNorm(x: tf.Tensor, scale?: tf.Tensor, offset?: tf.Tensor): tf.Tensor {
  const columns = x.shape.at(-1)!;
  if (!hasKernel("TrainchartBatchNorm")) {
    return normalize(x, x.shape.slice(0, -1).map((_, axis) => axis), EPSILON, scale, offset);
  }
  const moving = { movingMean: tf.zeros([columns]), movingVariance: tf.ones([columns]) };
  const inputs = { x, scale, offset, ...moving } as tf.NamedTensorMap;
  return runAll("TrainchartBatchNorm", inputs, { epsilon: EPSILON, momentum: 0.9 })[0];
}

function gelu(x: tf.Tensor, tanh: boolean): tf.Tensor {
  const f = tanh ? "GELU_TANH" : "GELU";
  return hasKernel("TrainchartActivation")
    ? run("TrainchartActivation", { x }, { f })
    : ACTIVATIONS[f]!(x);
}

/** Ones, rests of vectors, more rows than a part, and rows longer than a part. */
const layerShapes: [shape: number[], count: number][] = [
  [[1, 1], 1],
  [[1, 3], 1],
  [[7, 5], 1],
  [[70, 9], 1],
  [[2, 3, 33], 1],
  [[3, 521], 1],
  [[3, 2, 7], 2],
];

const layerNorms = layerShapes.flatMap(([shape, count]): Case[] => {
  const vector = shape.slice(-count);
  const name = `layerNorm of [${shape}] along ${count}`;
  return [
    {
      name,
      shapes: [shape, vector, vector],
      compute: (x, scale, offset) => layerNorm(x.mul(2), count, scale, offset),
    },
    { name: `${name}, plain`, shapes: [shape], compute: (x) => layerNorm(x.mul(2), count) },
    {
      name: `${name}, no scale`,
      shapes: [shape, vector],
      compute: (x, offset) => layerNorm(x.mul(2), count, undefined, offset),
    },
  ];
});

const batchNorms = [[1, 1], [2, 3], [3, 8], [70, 9], [130, 13], [2, 3, 5, 17], [2, 2, 2, 2, 3]]
  .flatMap((shape): Case[] => {
    const vector = [shape.at(-1)!];
    const name = `batchNorm of [${shape}]`;
    return [
      {
        name,
        shapes: [shape, vector, vector],
        compute: (x, scale, offset) => batchNorm(x.mul(2), scale, offset),
      },
      { name: `${name}, plain`, shapes: [shape], compute: (x) => batchNorm(x.mul(2)) },
      {
        name: `${name}, no offset`,
        shapes: [shape, vector],
        compute: (x, scale) => batchNorm(x.mul(2), scale),
      },
    ];
  });

sweep("normalisations with the moments of their input", [...layerNorms, ...batchNorms], {
  native: true,
});

sweep(
  "softmax and its logarithm",
  [[1], [3], [5, 1], [3, 4], [2, 3, 37], [2, 521]].flatMap((shape): Case[] => [
    { name: `softmax of [${shape}]`, shapes: [shape], compute: (x) => tf.softmax(x.mul(4)) },
    { name: `logSoftmax of [${shape}]`, shapes: [shape], compute: (x) => tf.logSoftmax(x.mul(4)) },
  ]),
  { native: true },
);

sweep(
  "the Gaussian error linear unit",
  [[], [1], [7], [4, 33]].flatMap((shape): Case[] =>
    [false, true].map((tanh) => ({
      name: `${tanh ? "by tanh" : "by erf"}, [${shape}]`,
      shapes: [shape],
      compute: (x) => gelu(x.mul(5), tanh),
    }))
  ),
);

/** Kernels whose gradients are kernels, too: their own gradients are made of operations. */
const twice: Record<string, [shapes: number[][], compute: (...inputs: tf.Tensor[]) => tf.Tensor]> =
  {
    layerNorm: [[[2, 3], [3], [3]], (x, scale, offset) => layerNorm(x, 1, scale, offset)],
    batchNorm: [[[4, 3], [3], [3]], (x, scale, offset) => batchNorm(x, scale, offset)],
    softmax: [[[2, 3]], (x) => tf.softmax(x)],
    logSoftmax: [[[2, 3]], (x) => tf.logSoftmax(x)],
    "gelu by erf": [[[2, 3]], (x) => gelu(x, false)],
    "gelu by tanh": [[[2, 3]], (x) => gelu(x, true)],
  };

for (const [name, [shapes, compute]] of Object.entries(twice)) {
  testOnBackends(`${name} has a second gradient`, () => {
    const values = shapes.map((shape) => tf.randomUniform(shape, -1, 1, "float32", 3));
    const penalty = (...inputs: tf.Tensor[]) =>
      tf.grads((...xs: tf.Tensor[]) => {
        const y = compute(...xs);
        return y.square().mul(tf.range(1, y.size + 1).reshape(y.shape)).sum();
      })(inputs).map((slope) => slope.square().sum()).reduce((a, b) => a.add(b)).asScalar();
    const slopes = tf.grads(penalty)(values);
    slopes.forEach((slope, i) => {
      const direction = tf.randomUniform(shapes[i], -1, 1, "float32", 5);
      const at = (by: number) =>
        penalty(...values.map((value, j) => j === i ? value.add(direction.mul(by)) : value))
          .dataSync()[0];
      const difference = (at(5e-3) - at(-5e-3)) / 1e-2;
      const expected = slope.mul(direction).sum().dataSync()[0];
      const scale = slope.mul(direction).abs().sum().dataSync()[0] + 0.1;
      assertLess(Math.abs(difference - expected) / scale, 3e-2, `gradient by input ${i}`);
    });
  });
}

testOnBackends("layer normalisation normalises along any axes", () => {
  const x = tf.randomNormal([3, 4, 5], 1, 2, "float32", 1);
  for (const axis of [-1, 1, [1, 2], [2], [0, 2], 0]) {
    const layer = tf.layers.layerNormalization({ axis });
    const expected = normalize(x, [axis].flat().map((i) => (i + 3) % 3), 1e-3);
    assertLess(relativeError(layer.apply(x) as tf.Tensor, expected), 1e-5, `along ${axis}`);
    layer.dispose();
  }
});

testOnBackends("layer normalisation of integers is that of floats", () => {
  const layer = tf.layers.layerNormalization();
  const x = tf.tensor2d([[1, 2, 3], [7, 5, 9]], [2, 3], "int32");
  const expected = layer.apply(x.toFloat()) as tf.Tensor;
  assertEquals(relativeError(layer.apply(x) as tf.Tensor, expected), 0);
  layer.dispose();
});

testOnBackends("batch normalisation in training moves its statistics", () => {
  for (const shape of [[6, 5], [2, 3, 4, 7], [2, 1, 3, 4, 5, 3]]) {
    const columns = shape.at(-1)!;
    const layer = tf.layers.batchNormalization({ momentum: 0.75, inputShape: shape.slice(1) });
    const x = tf.randomNormal(shape, 3, 2, "float32", 1);
    const y = layer.apply(x, { training: true }) as tf.Tensor;
    const axes = shape.slice(0, -1).map((_, axis) => axis);
    assertLess(relativeError(y, normalize(x, axes, 1e-3)), 1e-5);
    const { mean, variance } = tf.moments(x, axes);
    const [, , movingMean, movingVariance] = layer.getWeights();
    assertLess(relativeError(movingMean, mean.mul(0.25)), 1e-5);
    assertLess(relativeError(movingVariance, variance.mul(0.25).add(0.75)), 1e-5);
    assertEquals(movingMean.shape, [columns]);
    layer.dispose();
  }
});

testOnBackends("moments are precise far from zero, and for many rows", () => {
  if (!hasKernel("TrainchartBatchNorm")) return;
  const rows = 200_003, columns = 9;
  const values = Float32Array.from(
    { length: rows * columns },
    (_, i) => 1000 + i % columns + Math.fround(Math.sin(i * 0.37)),
  );
  const x = tf.tensor2d(values, [rows, columns]);
  const moving = { movingMean: tf.zeros([columns]), movingVariance: tf.ones([columns]) };
  const results = runAll("TrainchartBatchNorm", { x, ...moving }, { epsilon: 0, momentum: 0 });
  const [mean, variance] = results.slice(1, 3).map((tensor) => tensor.dataSync());
  for (let c = 0; c < columns; c++) {
    let sum = 0, square = 0;
    for (let r = 0; r < rows; r++) sum += values[r * columns + c];
    for (let r = 0; r < rows; r++) square += (values[r * columns + c] - sum / rows) ** 2;
    assertLess(Math.abs(mean[c] - sum / rows), 1e-4);
    assertLess(Math.abs(variance[c] / (square / rows) - 1), 1e-4);
  }
});

testOnBackends("NaN and infinities go through normalisations as through their operations", () => {
  const special = [NaN, Infinity, -Infinity, 1, 2, -3, 0, 5, 0.5];
  const x = tf.tensor2d([1, 2, 4, 3, 5, 9, 7, 0, 8, ...special], [2, 9]);
  assertEquals([...layerNorm(x, 1).dataSync()].map(Number.isNaN), [
    ...Array(9).fill(false),
    ...Array(9).fill(true),
  ]);
  const columns = [...batchNorm(x.transpose()).dataSync()];
  assertEquals(columns.map(Number.isNaN), columns.map((_, i) => i % 2 === 1));
  const values = special.slice(1);
  const whole = tf.tensor1d(values).tile([2]);
  for (const tanh of [false, true]) {
    const [actual, expected] = [gelu(whole, tanh), ACTIVATIONS[tanh ? "GELU_TANH" : "GELU"]!(whole)]
      .map((y) => [
        ...y.dataSync(),
      ]);
    expected.forEach((value, i) =>
      assertEquals(Math.fround(actual[i]).toFixed(4), value.toFixed(4), `gelu(${whole}) ${i}`)
    );
  }
});

testOnBackends("softmax of masked and of infinite logits", () => {
  const masked = tf.softmax(tf.tensor1d([-1e9, 1, -Infinity, 1, -1e9]));
  assertEquals([...masked.dataSync()], [0, 0.5, 0, 0.5, 0]);
  const logarithms = [...tf.logSoftmax(tf.tensor1d([-Infinity, 2, 2])).dataSync()];
  assertEquals(logarithms.map((x) => x.toFixed(5)), ["-Infinity", "-0.69315", "-0.69315"]);
  for (const bad of [[Infinity, 1], [NaN, 1], [-Infinity, -Infinity]]) {
    const result = [...tf.softmax(tf.tensor1d([...bad, ...bad, ...bad])).dataSync()];
    assertEquals(result.every(Number.isNaN), true, `${bad}: ${result}`);
  }
});

testOnBackends("the activations gelu and gelu_new are their formulas", () => {
  const x = tf.linspace(-6, 6, 37);
  for (const [activation, tanh] of [["gelu", false], ["gelu_new", true]] as const) {
    const layer = tf.layers.activation({ activation: activation as never });
    const y = layer.apply(x) as tf.Tensor;
    assertLess(relativeError(y, ACTIVATIONS[tanh ? "GELU_TANH" : "GELU"]!(x)), 1e-6);
    assertEquals((layer.apply(x.toInt()) as tf.Tensor).shape, [37]);
  }
});
