import { assertEquals, assertLessOrEqual } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { hasKernel, run } from "../../src/backend/gradients/gradient.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { withoutKernel } from "./without_kernel.ts";

const granted = (await Deno.permissions.query({ name: "read" })).state === "granted";

/** The error function in doubles, by its series and its continued fraction. */
function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2) {
    let term = x, sum = x;
    for (let n = 1; n < 60; n++) sum += (term *= -x * x / n) / (2 * n + 1);
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / (size + fraction) / Math.sqrt(Math.PI));
}

const softplus = (x: number) => x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const roundToEven = (x: number) => {
  const rest = x - Math.floor(x);
  return rest === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
};

/** Each function in doubles, and the largest error in units in the last place. */
const functions: Record<string, [(x: tf.Tensor) => tf.Tensor, (x: number) => number, number]> = {
  abs: [tf.abs, Math.abs, 0],
  neg: [tf.neg, (x) => -x, 0],
  square: [tf.square, (x) => x * x, 0.5],
  reciprocal: [tf.reciprocal, (x) => 1 / x, 0.5],
  sqrt: [tf.sqrt, Math.sqrt, 0.5],
  rsqrt: [tf.rsqrt, (x) => 1 / Math.sqrt(x), 1.5],
  exp: [tf.exp, Math.exp, 2],
  expm1: [tf.expm1, Math.expm1, 3],
  log: [tf.log, Math.log, 2],
  log1p: [tf.log1p, Math.log1p, 3],
  sigmoid: [tf.sigmoid, sigmoid, 3],
  tanh: [tf.tanh, Math.tanh, 4],
  softplus: [tf.softplus, softplus, 3],
  erf: [tf.erf, erf, 6],
  sin: [tf.sin, Math.sin, 2],
  cos: [tf.cos, Math.cos, 2],
  tan: [tf.tan, Math.tan, 4],
  asin: [tf.asin, Math.asin, 4],
  acos: [tf.acos, Math.acos, 4],
  atan: [tf.atan, Math.atan, 4],
  sinh: [tf.sinh, Math.sinh, 4],
  cosh: [tf.cosh, Math.cosh, 4],
  asinh: [tf.asinh, Math.asinh, 4],
  acosh: [tf.acosh, Math.acosh, 4],
  atanh: [tf.atanh, Math.atanh, 4],
  ceil: [tf.ceil, Math.ceil, 0],
  floor: [tf.floor, Math.floor, 0],
  round: [tf.round, roundToEven, 0],
  sign: [tf.sign, Math.sign, 0],
  step: [(x) => tf.step(x, 0.5), (x) => x > 0 ? 1 : 0.5, 0],
  clip: [(x) => x.clipByValue(-0.5, 3), (x) => Math.min(Math.max(x, -0.5), 3), 0],
  relu: [tf.relu, (x) => Math.max(x, 0), 0],
  relu6: [tf.relu6, (x) => Math.min(Math.max(x, 0), 6), 0],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.25), (x) => x < 0 ? x / 4 : x, 0],
  elu: [tf.elu, (x) => x < 0 ? Math.expm1(x) : x, 3],
  selu: [
    tf.selu,
    (x) => x < 0 ? 1.7580993408473768 * Math.expm1(x) : 1.0507009873554805 * x,
    4,
  ],
};

/** Numbers of all sizes and both signs, not of a number that vectors divide. */
function numbers(): Float32Array {
  const values = [0, -0, 1, -1, 0.5, -0.5, 6, -6, 88.8, -88.8, -103, 104, 3.4e38, -3.4e38];
  for (let i = 0; i < 4000; i++) {
    const size = 2 ** ((i % 1000) / 1000 * 290 - 148);
    values.push(i % 2 ? size : -size, Math.sin(i * 1.3) * 10, Math.cos(i * 0.7) * 90);
  }
  return new Float32Array(values);
}

/** The distance of two floats in units in the last place of the second. */
function unitsBetween(actual: number, expected: number): number {
  // Both infinite, both NaN, or the same.
  if (Object.is(actual, Math.fround(expected))) return 0;
  // Below the smallest normal number; the sign of zero has its own test.
  if (Math.max(Math.abs(actual), Math.abs(expected)) < 2 ** -126) return 0;
  const size = Math.max(Math.abs(expected), 2 ** -126);
  return Math.abs(actual - expected) / 2 ** (Math.floor(Math.log2(size)) - 23);
}

for (const relaxed of [true, false]) {
  const build = relaxed ? "relaxed" : "plain";
  Deno.test(`functions of one number are right to some units, ${build} SIMD`, {
    ignore: !granted,
  }, async () => {
    await selectBackend({ prefer: "wasm", relaxed, quiet: true });
    const x = numbers();
    for (const [name, [compute, expected, limit]] of Object.entries(functions)) {
      const y = tf.tidy(() => compute(tf.tensor1d(x)).dataSync());
      x.forEach((x, i) => {
        const units = unitsBetween(y[i], expected(x));
        assertLessOrEqual(units, limit + 1e-6, `${name} of ${x} is ${y[i]}, not ${expected(x)}`);
      });
    }
    await selectBackend({ prefer: "wasm", quiet: true });
  });
}

testOnBackends("functions of every length compute the elements one by one", () => {
  for (const size of [0, 1, 2, 3, 4, 5, 7, 8, 4099]) {
    const x = Float32Array.from({ length: size }, (_, i) => Math.sin(i) * 3);
    for (const [name, [compute]] of Object.entries(functions)) {
      const whole = tf.tidy(() => compute(tf.tensor1d(x)).dataSync());
      const parts = tf.tidy(() => compute(tf.tensor1d([...x.subarray(-1), 0, 0, 0])).dataSync());
      assertEquals(whole.length, size);
      if (size > 0) assertEquals(whole[size - 1], parts[0], `${name} of ${size} elements`);
    }
  }
});

/** Functions whose gradient is one kernel of ours. */
const sloped: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  ...Object.fromEntries(
    ["abs", "square", "reciprocal", "sqrt", "rsqrt", "expm1", "log1p", "sigmoid", "tanh"]
      .concat("sin", "cos", "softplus", "erf", "clip", "leakyRelu", "elu", "selu")
      .map((name) => [name, functions[name][0]]),
  ),
  "clip at bounds": (x) => x.clipByValue(-1, 1),
};

testOnBackends("gradients of one kernel are those of operations", (backend) => {
  if (backend === "cpu") return;
  for (const size of [0, 1, 3, 4, 7, 1001]) {
    const values = Array.from({ length: size }, (_, i) => i % 7 ? Math.sin(i) * 5 : i % 3 - 1);
    const x = tf.tensor1d(values), dy = tf.tensor1d(values.map((_, i) => Math.cos(i) * 2));
    for (const [name, compute] of Object.entries(sloped)) {
      const slopes = () => tf.grad(compute)(x, dy);
      const actual = slopes().dataSync();
      const expected = withoutKernel("TrainchartUnarySlope", slopes).dataSync();
      expected.forEach((slope, i) => {
        const isSame = Object.is(actual[i], slope) ||
          Math.abs(actual[i] - slope) <= 2e-6 * Math.abs(slope) + 1e-7;
        assertEquals(isSame, true, `${name} at ${values[i]}: ${actual[i]}, not ${slope}`);
      });
    }
  }
});

testOnBackends("gradients of infinities and NaN are those of operations", (backend) => {
  if (backend === "cpu") return;
  const x = tf.tensor1d([Infinity, -Infinity, NaN, 0, -0, 1e-40, 1e30, -1e30, 100, -100]);
  const dy = tf.ones([10]);
  for (const [name, compute] of Object.entries(sloped)) {
    // Of NaN, operations make NaN; PyTorch and our kernel let the gradient of the negative side
    // through.
    if (name === "leakyRelu") continue;
    const slopes = () => [...tf.grad(compute)(x, dy).dataSync()].map((slope) => slope + 0);
    const expected = withoutKernel("TrainchartUnarySlope", slopes);
    slopes().forEach((slope, i) => {
      const isClose = Math.abs(slope - expected[i]) <= 2e-6 * Math.abs(expected[i]);
      if (!isClose) assertEquals(slope, expected[i], `${name} at ${x.arraySync()[i]}`);
    });
  }
});

const activations: Record<string, (x: number) => number> = {
  gelu: (x) => x * (0.5 + 0.5 * erf(x * Math.SQRT1_2)),
  gelu_new: (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  hardSigmoid: (x) => Math.min(1, Math.max(0, 0.2 * x + 0.5)),
  mish: (x) => x * Math.tanh(softplus(x)),
  softsign: (x) => x / (1 + Math.abs(x)),
  swish: (x) => x * sigmoid(x),
};

for (const [name, expected] of Object.entries(activations)) {
  testOnBackends(
    `the layer's activation ${name} is right, and so is its gradient`,
    async (backend) => {
      const layer = tf.layers.activation({ activation: name as "relu" });
      const values = Array.from({ length: 403 }, (_, i) => i % 50 ? Math.sin(i) * 6 : i / 20 - 10);
      const x = tf.tensor1d(values);
      const apply = (x: tf.Tensor) => layer.apply(x.expandDims()) as tf.Tensor;
      const profile = await tf.profile(() => apply(x));
      const kernels = profile.kernels.filter(({ name }) => name !== "ExpandDims");
      if (backend === "wasm") {
        assertEquals(kernels.map(({ name }) => name), ["TrainchartActivation"]);
      }
      apply(x).dataSync().forEach((y, i) =>
        assertLessOrEqual(Math.abs(y - expected(values[i])), 1e-6, `${name} of ${values[i]}`)
      );
      tf.grad((x: tf.Tensor) => apply(x).sum())(x).dataSync().forEach((slope, i) => {
        // At a kink, the gradient of one side.
        const [before, at, after] = [-1e-5, 0, 1e-5].map((h) => expected(values[i] + h));
        const error = Math.min(
          ...[after - at, at - before].map((rise) => Math.abs(slope - rise / 1e-5)),
        );
        assertLessOrEqual(error, 1e-4, `gradient of ${name} at ${values[i]} is ${slope}`);
      });
    },
  );
}

testOnBackends("the gradient of hardSigmoid passes at its bounds, as in operations", () => {
  const layer = tf.layers.activation({ activation: "hardSigmoid" });
  const x = tf.tensor2d([[-2.5, 2.5, -2.6, 2.6, 0]]);
  const slopes = tf.grad((x: tf.Tensor) => (layer.apply(x) as tf.Tensor).sum())(x).dataSync();
  assertEquals([...slopes], [0.2, 0.2, 0, 0, 0.2].map(Math.fround));
});

testOnBackends("the factor of swish has its part in the gradient", (backend) => {
  if (!hasKernel("TrainchartActivation")) return assertEquals(backend, "cpu");
  const x = tf.tensor1d([-3, -1, 0, 0.5, 2]);
  const slopes = tf.grad((x: tf.Tensor) =>
    run("TrainchartActivation", { x }, { f: "SWISH", p: 2 })
  );
  const expected = tf.grad((x: tf.Tensor) => x.mul(x.mul(2).sigmoid()));
  slopes(x).dataSync().forEach((slope, i) =>
    assertLessOrEqual(Math.abs(slope - expected(x).dataSync()[i]), 1e-6)
  );
});

testOnBackends("relu and relu6 let gradients through strictly between their bounds", () => {
  const x = [-1, 0, 1, 5.9, 6, 7, Infinity, -Infinity, 2, 3, 4];
  const slopes = (compute: (x: tf.Tensor) => tf.Tensor) => [
    ...tf.grad((x: tf.Tensor) => compute(x).sum())(tf.tensor1d(x)).dataSync(),
  ];
  assertEquals(slopes(tf.relu), x.map((x) => Number(x > 0)));
  assertEquals(slopes(tf.relu6), x.map((x) => Number(x > 0 && x < 6)));
});

Deno.test("the gradient of an activation and of its bias sums many and wide rows", {
  ignore: !granted,
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  for (const [rows, columns] of [[1300, 37], [512, 4], [513, 1], [3, 200_003], [0, 5]]) {
    tf.tidy(() => {
      const [dy, y] = [1, 2].map((seed) => tf.randomNormal([rows, columns], 0, 1, "float32", seed));
      const inputs = { dy, y };
      const name = "TrainchartActivationAndBiasGradient";
      const [dx, total] = run(name, inputs, { activation: "relu" }) as unknown as tf.Tensor[];
      const [slopes, results] = [dy.dataSync(), y.dataSync()];
      const expected = slopes.map((slope, i) => results[i] > 0 ? slope : 0);
      assertEquals(dx.dataSync(), expected);
      const sums = new Float64Array(columns);
      expected.forEach((slope, i) => sums[i % columns] += slope);
      total.dataSync().forEach((sum, c) =>
        assertLessOrEqual(Math.abs(sum - sums[c]), 1e-5 * Math.sqrt(rows), `column ${c}`)
      );
    });
  }
  assertEquals(tf.memory().numTensors, before);
});
