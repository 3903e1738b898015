import { assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { withoutKernel } from "./without_kernel.ts";

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** The remainder of a quotient, with the sign of the divisor. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return Object.is(a, -0) || b < 0 ? -0 : 0;
  return rest < 0 === b < 0 ? rest : rest + b;
}

/** Functions that floats have exactly: one rounding of what doubles compute. */
const functions: Record<string, [Binary, (a: number, b: number) => number | boolean]> = {
  add: [tf.add, (a, b) => a + b],
  sub: [tf.sub, (a, b) => a - b],
  mul: [tf.mul, (a, b) => a * b],
  div: [tf.div, (a, b) => a / b],
  maximum: [tf.maximum, Math.max],
  minimum: [tf.minimum, Math.min],
  squaredDifference: [
    tf.squaredDifference,
    (a, b) => Math.fround(a - b) ** 2,
  ],
  prelu: [tf.prelu, (a, b) => a < 0 ? a * b : a],
  floorDiv: [tf.floorDiv, (a, b) => Math.floor(a / b)],
  mod: [tf.mod, modulo],
  "where nan": [(a, b) => a.mul(b).isNaN(), (a, b) => Number.isNaN(a * b)],
  "where infinite": [
    (a, b) => a.mul(b).isInf(),
    (a, b) => Math.abs(Math.fround(a * b)) === Infinity,
  ],
  "where finite": [(a, b) => a.mul(b).isFinite(), (a, b) => Number.isFinite(Math.fround(a * b))],
  equal: [tf.equal, (a, b) => a === b],
  notEqual: [tf.notEqual, (a, b) => a !== b],
  greater: [tf.greater, (a, b) => a > b],
  greaterEqual: [tf.greaterEqual, (a, b) => a >= b],
  less: [tf.less, (a, b) => a < b],
  lessEqual: [tf.lessEqual, (a, b) => a <= b],
};

/** Every form of broadcasting, with rows shorter and longer than vectors, and rests. */
const pairs: [number[], number[]][] = [
  [[], []],
  [[1], []],
  [[33], [33]],
  [[33], [1]],
  [[], [19]],
  [[5, 7], [7]],
  [[5, 1], [5, 18]],
  [[5, 1], [1, 18]],
  [[3, 4, 17], [4, 17]],
  [[3, 4, 17], [3, 1, 17]],
  [[3, 1, 17], [1, 4, 1]],
  [[3, 4, 17], [4, 1]],
  [[3, 4, 17], [3, 1, 1]],
  [[2, 3, 2, 2, 5], [1, 3, 1, 2, 1]],
  [[2, 1, 2, 1, 5], [1, 3, 1, 2, 1]],
  [[2, 3, 2, 2, 2, 3], [3, 1, 2, 1, 3]],
  [[2, 1, 2, 1, 2, 1], [1, 3, 1, 3, 1, 3]],
  [[150, 9], [9]],
  [[0], [1]],
  [[3, 0], [3, 1]],
  [[2, 1, 0], [5, 1]],
  [[70000], [70000]],
  [[70001], []],
];

/** Values some of which are equal, infinite, or NaN. */
function valuesOf(shape: number[], salt: number): Float32Array {
  const special = [0, -0, NaN, Infinity, -Infinity, 1, -1, 1e-40];
  return Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => {
    const at = i * 7 + salt * 5;
    return at % 3 ? Math.sin(i * 1.7 + salt) * 3 : special[(at / 3 + salt * (i >> 3)) % 8];
  });
}

/** The elements of a tensor broadcast to a shape, one by one. */
function broadcast(values: ArrayLike<number>, shape: number[], result: number[]): number[] {
  return Array.from({ length: tf.util.sizeFromShape(result) }, (_, index) => {
    let at = 0, stride = 1, rest = index;
    for (let axis = 1; axis <= result.length; axis++) {
      const size = shape[shape.length - axis] ?? 1, length = result[result.length - axis];
      if (size > 1) at += rest % length * stride;
      rest = Math.floor(rest / length);
      stride *= size;
    }
    return values[at];
  });
}

testOnBackends("functions of two numbers broadcast in every form", (backend) => {
  if (backend === "cpu") return;
  for (const [name, [compute, expected]] of Object.entries(functions)) {
    for (const [left, right] of pairs.flatMap(([a, b]) => [[a, b], [b, a]])) {
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(left, right);
      const [x, y] = [valuesOf(left, 0), valuesOf(right, 1)];
      const result = tf.tidy(() => compute(tf.tensor(x, left), tf.tensor(y, right)));
      assertEquals(result.shape, shape);
      const actual = result.dataSync();
      const [a, b] = [broadcast(x, left, shape), broadcast(y, right, shape)];
      a.forEach((a, i) => {
        const want = expected(a, b[i]);
        // Of equal zeros, the largest and smallest may be either.
        const value = Math.fround(Number(want)) + 0;
        if (Object.is(actual[i] + 0, value)) return;
        const place = `${name} of [${left}] and [${right}], place ${i}: ${a}, ${b[i]}`;
        assertEquals(actual[i], value, place);
      });
      result.dispose();
    }
  }
});

testOnBackends("shapes that do not fit throw, and leave no tensor", () => {
  for (const [name, [compute]] of Object.entries(functions)) {
    const [a, b] = [tf.ones([2, 3]), tf.ones([2])], before = tf.memory().numTensors;
    let message = "";
    try {
      compute(a, b);
    } catch (error) {
      message = (error as Error).message;
    }
    assertEquals(/shape/i.test(message), true, `${name}: ${message}`);
    assertEquals(tf.memory().numTensors, before);
  }
});

testOnBackends("where and the connectives take booleans of every length", () => {
  for (const size of [0, 1, 3, 4, 15, 16, 17, 1003]) {
    const bits = (salt: number) => Array.from({ length: size }, (_, i) => (i * salt >> 2) & 1);
    const [p, q] = [bits(3), bits(5)];
    const [a, b] = [p, q].map((bits) => tf.tensor1d(bits, "bool"));
    assertEquals([...a.logicalAnd(b).dataSync()], p.map((p, i) => p & q[i]));
    assertEquals([...a.logicalOr(b).dataSync()], p.map((p, i) => p | q[i]));
    assertEquals([...a.logicalXor(b).dataSync()], p.map((p, i) => p ^ q[i]));
    for (const dtype of ["float32", "int32", "bool"] as const) {
      const yes = tf.tensor1d(bits(7), dtype), no = tf.tensor1d(bits(9).map((x) => 1 - x), dtype);
      const [u, v] = [yes.dataSync(), no.dataSync()];
      assertEquals([...tf.where(a, yes, no).dataSync()], p.map((p, i) => p ? u[i] : v[i]));
      assertEquals(tf.where(a, yes, no).dtype, dtype);
    }
  }
});

testOnBackends("other dtypes than float32 are as on cpu", () => {
  const a = tf.tensor2d([[1, -7, 2 ** 30], [5, 0, -3]], [2, 3], "int32");
  const b = tf.tensor1d([2, 3, -4], "int32");
  assertEquals([...a.add(b).dataSync()], [3, -4, 2 ** 30 - 4, 7, 3, -7]);
  assertEquals(a.mul(b).dtype, "int32");
  assertEquals([...a.mul(b).dataSync()].slice(0, 2), [2, -21]);
  assertEquals([...a.maximum(b).dataSync()], [2, 3, 2 ** 30, 5, 3, -3]);
  assertEquals([...a.greater(b).dataSync()], [0, 0, 1, 1, 0, 1]);
  assertEquals([...a.equal(a).dataSync()], Array(6).fill(1));
  const bits = tf.tensor1d([1, 0, 1], "bool");
  assertEquals([...bits.add(bits).dataSync()], [2, 0, 2]);
  assertEquals([...bits.equal(tf.tensor1d([1, 1, 0], "bool")).dataSync()], [1, 0, 0]);
});

/** Functions of integers, as 32 bits have them. */
const ofIntegers: Record<string, [Binary, (a: number, b: number) => number | boolean]> = {
  add: [tf.add, (a, b) => a + b],
  sub: [tf.sub, (a, b) => a - b],
  mul: [tf.mul, Math.imul],
  maximum: [tf.maximum, Math.max],
  minimum: [tf.minimum, Math.min],
  squaredDifference: [tf.squaredDifference, (a, b) => Math.imul(a - b, a - b)],
  floorDiv: [tf.floorDiv, (a, b) => Math.floor(a / b)],
  mod: [tf.mod, modulo],
  bitwiseAnd: [tf.bitwiseAnd, (a, b) => a & b],
  abs: [(a, b) => tf.abs(a.add(b)), (a, b) => Math.abs((a + b) | 0)],
  neg: [(a, b) => tf.neg(a.add(b)), (a, b) => -(a + b)],
  sign: [(a, b) => tf.sign(a.add(b)), (a, b) => Math.sign((a + b) | 0)],
  square: [(a, b) => tf.square(a.add(b)), (a, b) => Math.imul(a + b, a + b)],
  relu: [(a, b) => tf.relu(a.add(b)), (a, b) => Math.max((a + b) | 0, 0)],
  relu6: [(a, b) => tf.relu6(a.add(b)), (a, b) => Math.min(Math.max((a + b) | 0, 0), 6)],
  clip: [(a, b) => a.add(b).clipByValue(-2.5, 3), (a, b) => Math.max(Math.min((a + b) | 0, 3), -2)],
  "clip at large numbers": [
    (a, b) => a.add(b).clipByValue(-16777217, 2147483647),
    (a, b) => Math.max((a + b) | 0, -16777217),
  ],
  "as floats": [(a, b) => a.add(b).toFloat(), (a, b) => Math.fround((a + b) | 0)],
  "as booleans": [(a, b) => a.add(b).toBool(), (a, b) => ((a + b) | 0) !== 0],
  ...Object.fromEntries(
    ["equal", "notEqual", "greater", "greaterEqual", "less", "lessEqual"]
      .map((name) => [name, functions[name]]),
  ),
};

testOnBackends("functions of integers broadcast in every form", (backend) => {
  if (backend === "cpu") return;
  const special = [0, 1, -1, 2, -7, 256, 65536, 16777217, 2147483647, -2147483648, 3, 0];
  const make = (shape: number[], salt: number) =>
    Int32Array.from(
      { length: tf.util.sizeFromShape(shape) },
      (_, i) => i % 3 ? (i * 7 + salt * 3) % 23 - 11 : special[(i / 3 * (1 + salt) + salt) % 12],
    );
  for (const [name, [compute, expected]] of Object.entries(ofIntegers)) {
    for (const [left, right] of pairs.flatMap(([a, b]) => [[a, b], [b, a]])) {
      if (name === "bitwiseAnd" && left.join() !== right.join()) continue;
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(left, right);
      const [x, y] = [make(left, 0), make(right, 1)];
      const result = tf.tidy(() =>
        compute(tf.tensor(x, left, "int32"), tf.tensor(y, right, "int32"))
      );
      const actual = result.dataSync();
      const [a, b] = [x, y].map((values, i) => broadcast(values, [left, right][i], shape));
      const isFloat = result.dtype === "float32";
      a.forEach((a, i) => {
        const want = Number(expected(a, b[i])), value = isFloat ? want : want | 0;
        if (actual[i] === value) return;
        assertEquals(actual[i], value, `${name} of [${left}] and [${right}]: ${a}, ${b[i]}`);
      });
      result.dispose();
    }
  }
});

/** Functions of booleans. */
const ofBooleans: Record<string, [Binary, (a: number, b: number) => number | boolean]> = {
  and: [tf.logicalAnd, (a, b) => a && b],
  or: [tf.logicalOr, (a, b) => a || b],
  xor: [tf.logicalXor, (a, b) => a !== b],
  not: [(a, b) => a.logicalAnd(b).logicalNot(), (a, b) => !(a && b)],
  "as floats": [(a, b) => a.logicalOr(b).toFloat(), (a, b) => a || b],
  "as integers": [(a, b) => a.logicalOr(b).toInt(), (a, b) => a || b],
  ...Object.fromEntries(
    ["equal", "notEqual", "greater", "greaterEqual", "less", "lessEqual"]
      .map((name) => [name, functions[name]]),
  ),
};

testOnBackends("functions of booleans broadcast in every form", (backend) => {
  if (backend === "cpu") return;
  const make = (shape: number[], salt: number) =>
    Uint8Array.from(
      { length: tf.util.sizeFromShape(shape) },
      (_, i) => (i * (5 + 2 * salt) >> 2) & 1,
    );
  for (const [name, [compute, expected]] of Object.entries(ofBooleans)) {
    for (const [left, right] of pairs.flatMap(([a, b]) => [[a, b], [b, a]])) {
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(left, right);
      const [x, y] = [make(left, 0), make(right, 1)];
      const result = tf.tidy(() =>
        compute(tf.tensor(x, left, "bool"), tf.tensor(y, right, "bool"))
      );
      const actual = result.dataSync();
      const [a, b] = [x, y].map((values, i) => broadcast(values, [left, right][i], shape));
      assertEquals(
        [...actual],
        a.map((a, i) => Number(expected(a, b[i]))),
        `${name} of [${left}] and [${right}]`,
      );
      result.dispose();
    }
  }
});

testOnBackends("floats become integers and booleans as in JavaScript", (backend) => {
  const values = [0, -0, 0.9, -0.9, 1, -1.5, 2147483520, -2147483648, NaN, 1e-40];
  // Numbers that do not fit in 32 bits wrap; on cpu, too.
  values.push(Infinity, -Infinity, 2147483648, 4294967296, 6442450944, -3e9, 1e18, 3e38, 5, 7, 9);
  for (const size of [0, 1, 3, 4, 10, 16, 17, 21]) {
    const x = new Float32Array(values.slice(0, size));
    const tensor = tf.tensor1d(x);
    assertEquals([...tensor.toInt().dataSync()], [...Int32Array.from(x)]);
    assertEquals([...tensor.toBool().dataSync()], [...x].map((x) => Number(x !== 0)), backend);
  }
});

testOnBackends("angles are those of JavaScript", (backend) => {
  if (backend === "cpu") return;
  const values = [0, -0, 1, -1, 2, -3, 0.1, 1e-40, -1e-40, 1e30, -1e30, Infinity, -Infinity, NaN]
    .map(Math.fround);
  for (let i = 0; i < 30; i++) values.push(Math.fround(Math.sin(i) * 5 ** (i % 5)));
  const y = values.flatMap((y) => values.map(() => y)), x = values.flatMap(() => values);
  tf.atan2(tf.tensor1d(y), tf.tensor1d(x)).dataSync().forEach((actual, i) => {
    const want = Math.fround(Math.atan2(y[i], x[i]));
    const isClose = Math.abs(actual - want) <= 4e-7 * Math.abs(want) + 1e-38;
    if (!isClose) assertEquals(actual, want, `${y[i]}, ${x[i]}`);
  });
});

testOnBackends("powers are those of JavaScript, but powers of 1 are 1", (backend) => {
  if (backend === "cpu") return;
  const special = [0, -0, 1, -1, 2, -2, 0.5, 3, -3, 2.5, Infinity, -Infinity, NaN, 1e-40, 33]
    .map(Math.fround);
  const x = special.flatMap((a) => special.map(() => a)), y = special.flatMap(() => special);
  const check = (actual: ArrayLike<number>, a: number[], b: number[]) =>
    a.forEach((a, i) => {
      const isOne = a === 1 || (a === -1 && Math.abs(b[i]) === Infinity);
      const want = isOne ? 1 : Math.fround(a ** b[i]);
      const isClose = Math.abs(actual[i] - want) <= 2e-7 * Math.abs(want);
      if (!isClose) assertEquals(actual[i], want, `${a} ** ${b[i]}`);
    });
  check(tf.tensor1d(x).pow(tf.tensor1d(y)).dataSync(), x, y);
  for (const exponent of [...special, 7, -0.5, 0.375]) {
    const b = special.map(() => exponent);
    check(tf.tensor1d(special).pow(exponent).dataSync(), special, b);
    check(tf.pow(exponent, tf.tensor1d(special)).dataSync(), b, special);
  }
  const a = tf.tensor2d([[1, 2, 3], [4, 5, 6]]), b = tf.tensor1d([2, 1, 0.5]);
  check(a.pow(b).dataSync(), [1, 2, 3, 4, 5, 6], [2, 1, 0.5, 2, 1, 0.5]);
});

/** Functions of which a gradient is one kernel of ours. */
const sloped: Record<string, Binary> = {
  ...Object.fromEntries(
    ["mul", "div", "maximum", "minimum", "squaredDifference", "prelu"]
      .map((name) => [name, functions[name][0]]),
  ),
  "where, left": (a, b) => tf.where(b.greater(0), a, tf.scalar(0)),
  "where, both": (a, b) => tf.where(tf.greater(b, 1), a, b.mul(2)),
};

const kernels = ["BinarySlope", "SelectSlope", "PowSlope", "SumProducts"]
  .map((name) => `Trainchart${name}`);
const composed = <T>(compute: () => T): T =>
  kernels.reduce((inner, name) => () => withoutKernel(name, inner), compute)();

testOnBackends(
  "gradients of one kernel are those of operations, broadcast in every form",
  (backend) => {
    if (backend === "cpu") return;
    for (const [name, compute] of Object.entries(sloped)) {
      for (const [left, right] of pairs.flatMap(([a, b]) => [[a, b], [b, a]])) {
        // tfjs does not broadcast to empty tensors there.
        if (name.startsWith("where") && [...left, ...right].includes(0)) continue;
        // Ties, but neither quotients by zero nor what is not finite.
        const inputs = [left, right].map((shape, salt) =>
          tf.tensor(valuesOf(shape, salt).map((x) => Math.abs(x) < 4 ? x || 2 : -1), shape)
        );
        const shape = tf.broadcast_util.assertAndGetBroadcastShape(left, right);
        const dy = tf.tensor(valuesOf(shape, 2).map((x) => Math.abs(x) < 4 ? x : 1), shape);
        const slopes = () => {
          const f = (a: tf.Tensor, b: tf.Tensor) => compute(a, b).mul(dy).sum() as tf.Scalar;
          return tf.grads(f)(inputs).map((slope) => slope.dataSync());
        };
        const expected = composed(slopes);
        slopes().forEach((actual, input) => {
          let scale = 1e-30;
          for (const slope of expected[input]) scale = Math.max(scale, Math.abs(slope));
          actual.forEach((slope, i) => {
            const isClose = Math.abs(slope - expected[input][i]) <= 4e-6 * scale;
            const place = `${name} of [${left}] and [${right}], input ${input}, place ${i}`;
            if (!isClose) assertEquals(slope, expected[input][i], place);
          });
        });
      }
    }
  },
);

testOnBackends("gradients of powers are those of operations", (backend) => {
  if (backend === "cpu") return;
  const x = tf.tensor1d([0, 1, 2, 0.3, 5, 1.5, 7]);
  for (const exponent of [0, 1, 2, 3, 0.5, -1, -2, 2.7]) {
    const slopes = () => [...tf.grad((x: tf.Tensor) => x.pow(exponent).sum())(x).dataSync()];
    const expected = composed(slopes);
    slopes().forEach((slope, i) => {
      const isClose = Math.abs(slope - expected[i]) <= 1e-6 * Math.abs(expected[i]);
      if (!isClose) assertEquals(slope, expected[i], `${x.arraySync()[i]} ** ${exponent}`);
    });
  }
});

testOnBackends(
  "the gradient of where is 0 on the side that was not taken, also for infinite gradients",
  () => {
    const x = tf.tensor1d([0, 4]);
    const slope = tf.grad((x: tf.Tensor) => tf.where(x.greater(1), x, x.mul(3)).sqrt().sum());
    assertEquals([...slope(x).dataSync()], [Infinity, 0.25]);
  },
);
