import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { sgd, tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

type Compute = (...inputs: tf.Tensor[]) => tf.Tensor;

/** Kernels that make another tensor of the same elements, or convert a mask. */
const FREE = new Set(["Reshape", "Identity", "ExpandDims", "Cast"]);

interface Work {
  name: string;
  shapes: number[][];
  compute: Compute;
  /** The largest number of kernels of the gradient. */
  kernels: number;
  /** The most elements that they read and write, for each that the operation reads and writes. */
  ratio: number;
}

const square = [64, 64], matrix = [square];

/** A condition; not a tensor before a backend is selected. */
const flags = Array.from({ length: 64 }, (_, i) => Array.from({ length: 64 }, (_, j) => i > j));

function work(
  name: string,
  shapes: number[][],
  compute: Compute,
  kernels: number,
  ratio: number,
): Work {
  return { name, shapes, compute, kernels, ratio };
}

/** A kernel that ran, as `tf.profile` lists it. */
interface Run {
  name: string;
  inputShapes: (number[] | null)[];
  outputShapes: number[][];
}

/** Gradients that tfjs computes in needless passes, or with tensors made in JavaScript. */
const WORK: Work[] = [
  work("Tile", [[1, 32, 64]], (x) => x.tile([16, 1, 1]), 1, 1),
  work("Tile of the middle axis", [[32, 1, 64]], (x) => x.tile([1, 16, 1]), 1, 1),
  work("Tile of an axis in parts", [[32, 64]], (x) => x.tile([1, 4]), 1, 1),
  work("Sum", matrix, (x) => x.sum(), 1, 1),
  work("Sum over rows", matrix, (x) => x.sum(1), 1, 1),
  work("Mean", matrix, (x) => x.mean(), 2, 1.1),
  work("Mean over columns", matrix, (x) => x.mean(0), 2, 1.1),
  work("Max over rows", matrix, (x) => x.max(1), 1, 2),
  work("Min over columns", matrix, (x) => x.min(0), 1, 2),
  work("ClipByValue", matrix, (x) => x.clipByValue(0.2, 0.8), 1, 1.5),
  work("Cast", matrix, (x) => x.cast("float32"), 0, 0),
  work("Slice", [[640, 64]], (x) => x.slice([8, 0], [32, 64]), 1, 1),
  work("SplitV", matrix, (x) => tf.split(x, 4)[1], 1, 1),
  work("Unpack", matrix, (x) => tf.unstack(x)[1], 1, 1),
  work("Concat", [square, square], (a, b) => tf.concat([a, b], 1), 1, 1),
  work("Pack", [square, square], (a, b) => tf.stack([a, b]), 1, 1),
  work(
    "StridedSlice",
    matrix,
    (x) => x.stridedSlice([0, 0], [64, 64], [2, 2]),
    2,
    2,
  ),
  work("GatherV2", matrix, (x) => x.gather(tf.tensor1d([1, 5], "int32")), 1, 1),
  work(
    "FusedBatchNorm of an image",
    [[8, 8, 8, 64]],
    (x) => tf.batchNorm(x, tf.zeros([64]), tf.ones([64]), tf.zeros([64]), tf.ones([64])),
    4,
    1.1,
  ),
  work(
    "FusedBatchNorm of everything",
    [[8, 8, 8, 64], [64], [64], [64], [64]],
    (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        ...[x, mean as tf.Tensor1D, variance as tf.Tensor1D, offset as tf.Tensor1D] as const,
        scale as tf.Tensor1D,
      ),
    15,
    4.6,
  ),
  work("Multiply", [square, square], (a, b) => tf.mul(a, b), 2, 2),
  work("Multiply by a row", [square, [64]], (a, b) => tf.mul(a, b), 2, 2.1),
  work("Multiply by a column", [square, [64, 1]], (a, b) => tf.mul(a, b), 2, 2.1),
  work("Multiply by a gate", [[4, 8, 8, 16], [4, 1, 1, 16]], (a, b) => tf.mul(a, b), 2, 2.1),
  work("Relu", matrix, (x) => x.relu(), 2, 1.5),
  work("LeakyRelu", matrix, (x) => tf.leakyRelu(x, 0.1), 1, 1.5),
  ...Object.entries<Compute>({
    ...{
      Abs: tf.abs,
      Cos: tf.cos,
      Sin: tf.sin,
      Elu: tf.elu,
      Erf: tf.erf,
      Expm1: tf.expm1,
      Log1p: tf.log1p,
    },
    ...{ Reciprocal: tf.reciprocal, Rsqrt: tf.rsqrt, Selu: tf.selu, Sigmoid: tf.sigmoid },
    ...{ Softplus: tf.softplus, Sqrt: tf.sqrt, Square: tf.square, Tanh: tf.tanh },
    Pow: (x) => x.pow(3),
  }).map(([name, compute]) => work(name, matrix, compute, 1, 1.5)),
  work("RealDiv", [square, square], (a, b) => a.div(b), 2, 2.4),
  work("RealDiv by a row", [square, [1, 64]], (a, b) => a.div(b), 5, 3.1),
  work("Maximum", [square, square], (a, b) => a.maximum(b), 2, 2.4),
  work("Minimum", [square, square], (a, b) => a.minimum(b), 2, 2.4),
  work("SquaredDifference", [square, square], tf.squaredDifference, 2, 2.1),
  work("Prelu", [square, [1, 64]], tf.prelu, 3, 3.6),
  work("Select", [square, square], (a, b) => tf.where(flags, a, b), 2, 1.5),
  work("Cumprod", matrix, (x) => x.cumprod(1), 1, 1.5),
  work("Cumsum", matrix, (x) => x.cumsum(1), 1, 1),
];

/** Elements that kernels read and write. */
function elementsOf(kernels: Run[]): number {
  return kernels.flatMap(({ inputShapes, outputShapes }) => [...inputShapes, ...outputShapes])
    .reduce((sum, shape) => sum + (shape ? tf.util.sizeFromShape(shape) : 0), 0);
}

for (const { name, shapes, compute, kernels, ratio } of WORK) {
  testOnBackends(`the gradient of ${name} does little more than the operation`, async (backend) => {
    const inputs = shapes.map((shape) => tf.randomUniform(shape, 0.1, 1, "float32", 1));
    const dy = tf.onesLike(compute(...inputs));
    let forward = 0;
    const profile = await tf.profile(() => {
      tf.tidy(() => {
        tf.grads((...xs: tf.Tensor[]) => {
          const y = compute(...xs);
          forward = tf.engine().state.activeProfile.kernels.length;
          return y;
        })(inputs, dy);
      });
      return undefined as never;
    });
    const paid = (runs: Run[]) => runs.filter(({ name }) => !FREE.has(name));
    const before = paid(profile.kernels.slice(0, forward));
    const after = paid(profile.kernels.slice(forward));
    // On cpu, and for sums over axes in the middle, tfjs transposes first.
    const own = after.filter(({ name }) => name !== "Transpose");
    assert(own.length <= kernels || backend === "cpu", after.map(({ name }) => name).join());
    const actual = elementsOf(own) / Math.max(1, elementsOf(before));
    assert(actual <= ratio + 0.05 || backend === "cpu", `${name}: ${actual.toFixed(2)}`);
  });
}

testOnBackends("tensors that gradients keep are no operations", () => {
  const x = tf.randomUniform([4, 4]);
  const names = kernelsOf(() => tf.grad((x) => x.mul(x).tanh().add(x).reshape([2, 8]).sum())(x));
  assertEquals(names.filter((name) => name === "Identity"), []);
});

testOnBackends("a user's gradient of a sum may read what it saves", () => {
  const config = tf.getGradient("Add");
  const a = tf.tensor1d([2, 3]), b = tf.tensor1d([5, 7]);
  tf.registerGradient({
    ...config,
    gradFunc: (dy, [a, b]) => ({
      a: () => (dy as tf.Tensor).mul(a),
      b: () => (dy as tf.Tensor).mul(b),
    }),
  });
  try {
    // The summands are disposed before their gradient reads them.
    const slope = tf.grad((x) => tf.tidy(() => x.mul(2).add(b.mul(1))))(a);
    assertEquals([...slope.dataSync()], [8, 12]);
  } finally {
    tf.registerGradient(config);
  }
});

testOnBackends("gradients of shapes keep no elements", () => {
  const x = tf.randomUniform([64, 64]);
  const before = tf.memory().numTensors;
  let within = 0;
  const slope = tf.grad((x) => {
    const y = tf.tidy(() => x.reshape([4096]).add(1).sum());
    within = tf.memory().numTensors - before;
    return y;
  })(x);
  // The result, and what the gradient is told of x.
  assert(within <= 2, `${within} tensors`);
  assertEquals(tf.memory().numTensors, before + 1);
  slope.dispose();
});

const inner = Math.sqrt(2 / Math.PI);

/** Activations as people write them, and their gradients as others compute them. */
const WRITTEN: Record<string, Compute> = {
  "GELU": (x) => x.mul(0.5).mul(x.div(Math.SQRT2).erf().add(1)),
  "GELU, its factor last": (x) => x.mul(tf.add(1, tf.erf(x.mul(Math.SQRT1_2)))).mul(0.5),
  "GELU, its other factor first": (x) => tf.mul(tf.erf(x.div(Math.SQRT2)).add(1).mul(0.5), x),
  "GELU by tanh": (x) =>
    x.mul(0.5).mul(x.add(x.mul(x).mul(x).mul(0.044715)).mul(inner).tanh().add(1)),
  "GELU by tanh and a power": (x) =>
    tf.mul(0.5, x).mul(tf.add(1, tf.tanh(tf.mul(inner, x.add(tf.mul(0.044715, x.pow(3))))))),
  "GELU by a sigmoid": (x) => x.mul(x.mul(1.702).sigmoid()),
  "swish": (x) => x.mul(x.sigmoid()),
  "mish": (x) => x.mul(x.softplus().tanh()),
};

/** The kernels of a gradient, in their order. */
function kernelsOf(f: () => void): string[] {
  const engine = tf.engine(), { runKernel } = engine;
  const names: string[] = [];
  engine.runKernel = (name, inputs, attributes) => {
    names.push(name);
    return runKernel.call(engine, name, inputs, attributes) as never;
  };
  try {
    f();
  } finally {
    engine.runKernel = runKernel;
  }
  return names;
}

/** Gradients by differences, in steps that floats can hold. */
function differences(f: Compute, x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => f(x.add(2 ** -7)).sub(f(x.sub(2 ** -7))).mul(2 ** 6));
}

for (const [name, f] of Object.entries(WRITTEN)) {
  testOnBackends(`the gradient of ${name} as people write it is one kernel`, (backend) => {
    for (const shape of [[0], [1], [5, 13], [64, 65]]) {
      const x = tf.randomUniform(shape, -4, 4, "float32", 7);
      let slope: tf.Tensor;
      const dy = tf.onesLike(x);
      const names = kernelsOf(() => slope = tf.grad(f)(x, dy));
      const back = names.slice(kernelsOf(() => f(x)).length);
      if (backend !== "cpu") assertEquals(back, ["TrainchartUnarySlope"]);
      const [actual, expected] = [slope!, differences(f, x)].map((y) => y.dataSync());
      actual.forEach((value, i) => assertAlmostEquals(value, expected[i], 2e-3));
    }
    const odd = tf.grad((x) => f(x).sum())(tf.tensor1d([NaN, 0, Infinity])).dataSync();
    assert(Number.isNaN(odd[0]) && Math.abs(odd[1] - 0.55) < 0.06, `${odd}`);
    // The gradient of the gradient follows the operations.
    const x = tf.tensor1d([-1.5, 0.2, 2]);
    const curve = tf.grad((x) => tf.grad(f)(x).sum())(x);
    const [actual, expected] = [curve, differences(tf.grad(f), x)].map((y) => y.dataSync());
    actual.forEach((value, i) => assertAlmostEquals(value, expected[i], 2e-3));
  });
}

testOnBackends("an activation is joined only if nothing else uses its parts", () => {
  const x = tf.randomUniform([33], -3, 3, "float32", 3);
  const shared: Compute = (x) => {
    const half = x.mul(0.5);
    return half.mul(x.div(Math.SQRT2).erf().add(1)).add(half.sin());
  };
  // Another divisor, and a row that is broadcast.
  const other: Compute = (x) => x.mul(0.5).mul(x.div(1.4).erf().add(1));
  const rows: Compute = (x) => x.mul(x.reshape([33, 1]).sigmoid()).sum(0);
  for (const f of [shared, other, rows]) {
    const slope = tf.grad((x) => f(x).sum())(x).dataSync();
    const expected = tf.tidy(() => {
      const step = tf.oneHot(tf.range(0, 33, 1, "int32"), 33).mul(2 ** -7);
      return tf.stack(
        tf.unstack(step).map((step) => f(x.add(step)).sum().sub(f(x.sub(step)).sum()).mul(2 ** 6)),
      );
    }).dataSync();
    slope.forEach((value, i) => assertAlmostEquals(value, expected[i], 2e-2));
  }
  // The gradient of a part is wanted, too.
  const [a, b] = tf.grads((x, half) => half.mul(x.div(Math.SQRT2).erf().add(1)).sum())([
    x,
    x.mul(0.5),
  ]);
  assertEquals([a.shape, b.shape], [[33], [33]]);
});

testOnBackends("a factor that is learned is no number, also where a step makes it", () => {
  const w = tf.variable(tf.tensor1d([-1, 0.5, 2]));
  let beta: tf.Variable | undefined;
  const swish = () => {
    beta ??= tf.variable(tf.scalar(1));
    return w.mul(w.mul(beta).sigmoid()).sum() as tf.Scalar;
  };
  const optimizer = sgd(0.5);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  // The first step makes the factor; it is updated in place from the second on.
  for (let step = 0; step < 4; step++) {
    const values = [...w.dataSync()], factor = beta?.dataSync()[0] ?? 1;
    const { value, grads } = tf.variableGrads(swish, beta ? [w, beta] : [w]);
    const slopes = values.map((x) => {
      const s = sigmoid(factor * x);
      return s + factor * x * s * (1 - s);
    });
    grads[w.name].dataSync().forEach((slope, i) => assertAlmostEquals(slope, slopes[i], 1e-5));
    if (step > 0) {
      const sum = values.reduce(
        (sum, x) => sum + x * x * sigmoid(factor * x) * sigmoid(-factor * x),
        0,
      );
      assertAlmostEquals(grads[beta!.name].dataSync()[0], sum, 1e-5);
    }
    optimizer.applyGradients(grads);
    tf.dispose([value, grads]);
  }
  // Another loss has updated it, as for the networks of a pair that learn in turn.
  const factor = beta!.dataSync()[0];
  const { value, grads } = tf.variableGrads(swish, [w]);
  const at = w.dataSync();
  grads[w.name].dataSync().forEach((slope, i) => {
    const s = sigmoid(factor * at[i]);
    assertAlmostEquals(slope, s + factor * at[i] * s * (1 - s), 1e-5);
  });
  tf.dispose([w, beta!, value, grads]);
  optimizer.dispose();
});

testOnBackends(
  "a product with a tiled matrix is followed back as one with the matrix",
  (backend) => {
    for (
      const [batch, rows, depth, columns] of [[3, 5, 7, 9], [2, 1, 4, 1], [4, 6, 0, 3], [
        1,
        2,
        3,
        4,
      ]]
    ) {
      for (const isTransposed of [false, true]) {
        const a = tf.randomNormal([batch, rows, depth], 0, 1, "float32", 1);
        const b = tf.randomNormal(
          isTransposed ? [columns, depth] : [depth, columns],
          0,
          1,
          "float32",
          2,
        );
        const dy = tf.randomNormal([batch, rows, columns], 0, 1, "float32", 3);
        const tiled: Compute = (a, b) =>
          tf.matMul(a, b.expandDims(0).tile([batch, 1, 1]), false, isTransposed);
        const plain: Compute = (a, b) => tf.matMul(a, b, false, isTransposed);
        assertEquals(tiled(a, b).arraySync(), plain(a, b).arraySync());
        const names = kernelsOf(() => {
          const [actual, expected] = [tiled, plain].map((f) => tf.grads(f)([a, b], dy));
          actual.forEach((slope, i) => {
            assertEquals(slope.shape, expected[i].shape);
            const values = expected[i].dataSync();
            slope.dataSync().forEach((value, at) => assertAlmostEquals(value, values[at], 1e-5));
          });
        });
        if (backend !== "cpu" && batch > 1) assert(!names.includes("Sum"), names.join());
      }
    }
  },
);

testOnBackends(
  "a tiled matrix that is used twice, transposed or changed is no single matrix",
  () => {
    const a = tf.randomNormal([2, 3, 3], 0, 1, "float32", 1);
    const b = tf.randomNormal([3, 3], 0, 1, "float32", 2);
    const tile = (b: tf.Tensor) => b.expandDims(0).tile([2, 1, 1]);
    const stack = (b: tf.Tensor) => tf.stack([b, b]);
    const uses: ((a: tf.Tensor, b: tf.Tensor) => tf.Tensor)[] = [
      (a, b) => tf.matMul(a, b, true).square(),
      (a, b) => tf.matMul(a, b, true, true).square(),
      (a, b) => tf.matMul(a, b).add(b).square(),
      (a, b) => tf.matMul(tf.matMul(a, b).square(), b),
      (a, b) => tf.matMul(b, a).square(),
    ];
    for (const use of uses) {
      const [actual, expected] = [tile, stack].map((copies) =>
        tf.grads((a, b) => use(a, copies(b)))([a, b])
      );
      actual.forEach((slope, i) => {
        const values = expected[i].dataSync();
        slope.dataSync().forEach((value, at) => assertAlmostEquals(value, values[at], 1e-4));
      });
      const curves = [tile, stack].map((copies) =>
        tf.grad((b) => tf.grad((b) => use(a, copies(b)))(b).square().sum())(b).dataSync()
      );
      curves[0].forEach((value, at) => assertAlmostEquals(value / curves[1][at], 1, 1e-4));
    }
    const copies = tf.variable(tile(b));
    copies.assign(tf.stack([b, b.mul(2)]));
    const [twice, once] = tf.matMul(a, copies).unstack(), [, second] = a.unstack();
    assertEquals(once.arraySync(), tf.matMul(second, b.mul(2)).arraySync());
    tf.dispose([twice, copies]);
  },
);

testOnBackends("a backward pass disposes gradients and kept tensors as it goes", () => {
  const x = tf.randomUniform([64]);
  const before = tf.memory().numTensors;
  const counts: number[] = [];
  const look = tf.customGrad(
    ((x: tf.Tensor) => ({
      value: x.clone(),
      gradFunc: (dy: tf.Tensor) => {
        counts.push(tf.memory().numTensors - before);
        return dy.clone();
      },
    })) as never,
  ) as (x: tf.Tensor) => tf.Tensor;
  const slope = tf.grad((x) => {
    let y = x;
    for (let i = 0; i < 5; i++) y = look(tf.tidy(() => y.square().sin().tanh()));
    return y.sum();
  })(x);
  // The last function is followed back first; three operations keep a tensor each.
  for (let i = 1; i < 5; i++) assert(counts[i] <= counts[i - 1] - 3, `${counts}`);
  assertEquals(tf.memory().numTensors, before + 1);
  slope.dispose();
});

testOnBackends("a user's gradient may return what it is given, has kept, or returns twice", () => {
  const x = tf.tensor1d([1, 2, 3]), constant = tf.tensor1d([2, 3, 4]);
  type Custom = (...inputs: tf.Tensor[]) => tf.Tensor;
  const custom = (gradient: (dy: tf.Tensor, saved: tf.Tensor[]) => unknown) =>
    tf.customGrad(
      ((a: tf.Tensor, b: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
        save([a]);
        return { value: a.add(b), gradFunc: gradient };
      }) as never,
    ) as Custom;
  const given = custom((dy) => [dy, dy]), kept = custom((dy, [a]) => [a, dy.mul(a)]);
  const outer = custom(() => [constant, constant]);
  const twice = custom((dy) => {
    const slope = dy.mul(2);
    return [slope, slope];
  });
  const expected = [[6, 6, 6], [12, 24, 36], [12, 18, 24], [12, 12, 12]];
  [given, kept, outer, twice].forEach((f, i) => {
    // Both inputs have operations before them.
    const slope = tf.grad((x) => f(x.mul(2), x.mul(4)).sum())(x);
    assertEquals([...slope.dataSync()], expected[i]);
    slope.dispose();
  });
  assertEquals([...constant.dataSync()], [2, 3, 4]);
});
