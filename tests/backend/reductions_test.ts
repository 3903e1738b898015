import { assertAlmostEquals, assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { withoutKernel } from "./without_kernel.ts";

type Reduce = (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor;

/** Reductions of floats, their start, and one step of them. */
const reductions: Record<string, [Reduce, number, (a: number, b: number) => number]> = {
  sum: [tf.sum, 0, (a, b) => a + b],
  max: [tf.max, -Infinity, Math.max],
  min: [tf.min, Infinity, Math.min],
  prod: [tf.prod, 1, (a, b) => a * b],
};

const connectives: Record<string, [Reduce, number, (a: number, b: number) => number]> = {
  all: [tf.all, 1, (a, b) => a & b],
  any: [tf.any, 0, (a, b) => a | b],
};

const shapes = [
  [1],
  [3],
  [67],
  [3, 1],
  [5, 19],
  [2, 3, 9],
  [2, 1, 18, 1],
  [3, 2, 1, 5],
  [2, 3, 2, 3, 17],
  [70, 33],
  [2, 40, 3],
];

/** All subsets of the axes of a shape, but for the empty one. */
function subsets(rank: number): number[][] {
  return Array.from(
    { length: 2 ** rank - 1 },
    (_, i) => [...Array(rank).keys()].filter((axis) => (i + 1) >> axis & 1),
  );
}

/** A reduction, element by element. */
function expected(
  x: ArrayLike<number>,
  shape: number[],
  axes: number[],
  start: number,
  combine: (a: number, b: number) => number,
): number[] {
  const kept = shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  const totals: number[] = Array(tf.util.sizeFromShape(kept)).fill(start);
  const strides = tf.util.computeStrides(kept);
  for (let i = 0; i < x.length; i++) {
    const place = tf.util.indexToLoc(i, shape.length, tf.util.computeStrides(shape));
    const at = place.reduce(
      (at, index, axis) => at + (kept[axis] === 1 ? 0 : index * (strides[axis] ?? 1)),
      0,
    );
    totals[at] = combine(totals[at], x[i]);
  }
  return totals;
}

function check(
  name: string,
  [compute, start, combine]: [Reduce, number, (a: number, b: number) => number],
  x: tf.Tensor,
): void {
  const values = x.dataSync();
  for (const axes of subsets(x.rank)) {
    const want = expected(values, x.shape, axes, start, combine);
    for (const keepDims of [false, true]) {
      tf.tidy(() => {
        const y = compute(x, axes, keepDims);
        const kept = x.shape.map((size, axis) => axes.includes(axis) ? 1 : size);
        const label = `${name} of [${x.shape}] along ${axes}`;
        assertEquals(y.shape, keepDims ? kept : kept.filter((_, i) => !axes.includes(i)), label);
        assertEquals(y.dtype, x.dtype);
        y.dataSync().forEach((actual, i) => {
          const isClose = Math.abs(actual - want[i]) <= 3e-7 * Math.max(1, Math.abs(want[i]));
          if (!isClose) assertEquals(actual, want[i], `${label}, place ${i}`);
        });
      });
    }
  }
}

testOnBackends("reductions go along any axes", (backend) => {
  if (backend === "cpu") return;
  for (const shape of shapes) {
    const size = tf.util.sizeFromShape(shape);
    const values = Array.from({ length: size }, (_, i) => Math.sin(i * 1.7) + (i % 2 ? 1 : -1));
    const x = tf.tensor(values, shape);
    for (const [name, row] of Object.entries(reductions)) check(name, row, x);
    const mean: Reduce = (x, axes, keepDims) =>
      tf.mean(x, axes, keepDims).mul(axes.reduce((size, axis) => size * x.shape[axis], 1));
    check("mean", [mean, 0, (a, b) => a + b], x);
    for (const period of [2, 7, 1e9]) {
      const bits = tf.tensor(values.map((_, i) => Number(i % period === 0)), shape, "bool");
      for (const [name, row] of Object.entries(connectives)) check(name, row, bits);
      for (const [name, row] of Object.entries(connectives)) check(name, row, bits.logicalNot());
    }
  }
});

testOnBackends("sums are precise, and those that are finite do not overflow", (backend) => {
  if (backend === "cpu") return;
  for (const size of [63, 64, 65, 1027]) {
    for (const columns of [1, 3, 35, 70]) {
      const wave = Float32Array.from({ length: size * columns }, (_, i) => Math.sin(i * 0.7) + 1);
      const huge = wave.map((_, i) => Math.floor(i / columns) % 4 < 2 ? 3e38 : -3e38);
      for (const values of [wave, huge]) {
        for (const axis of [0, 1]) {
          const shape: [number, number] = [size, columns];
          const y = tf.tidy(() => {
            const x = tf.tensor2d(values, shape);
            return (axis ? x.transpose() : x).sum(axis).dataSync();
          });
          y.forEach((sum, j) => {
            let want = 0;
            for (let i = 0; i < size; i++) want += values[i * columns + j];
            const isClose = Math.abs(sum - want) <= 3e-7 * Math.abs(want);
            if (!isClose) assertEquals(sum, Math.fround(want), `${size} x ${columns}, ${axis}`);
          });
        }
      }
    }
  }
});

testOnBackends(
  "a reduction of axes with others between them moves no elements",
  async (backend) => {
    if (backend === "cpu") return;
    const x = tf.ones([3, 4, 5, 2]), flags = x.cast("bool");
    const data = tf.engine().backend.numDataIds();
    for (const compute of [tf.sum, tf.max, tf.min, tf.prod] as Reduce[]) {
      const { kernels } = await tf.profile(() => compute(x, [0, 2], false));
      assertEquals(kernels.length, 1, kernels.map(({ name }) => name).join());
    }
    for (const compute of [tf.all, tf.any] as Reduce[]) {
      const { kernels } = await tf.profile(() => compute(flags, [0, 2], false));
      assertEquals(kernels.length, 1, kernels.map(({ name }) => name).join());
    }
    assertEquals(tf.engine().backend.numDataIds(), data + 6, "parts of the work are left");
  },
);

testOnBackends("reductions of integers go along any axes", (backend) => {
  if (backend === "cpu") return;
  const special = [2147483647, -2147483648, 0, 16777217];
  for (const shape of shapes) {
    const values = Array.from(
      { length: tf.util.sizeFromShape(shape) },
      (_, i) => i % 11 ? (i * 7919) % 101 - 50 : special[i % 4],
    );
    const x = tf.tensor(values, shape, "int32");
    check("sum", [tf.sum, 0, (a, b) => (a + b) | 0], x);
    check("max", [tf.max, -2147483648, Math.max], x);
    check("min", [tf.min, 2147483647, Math.min], x);
    for (
      const [exclusive, reverse] of [[false, false], [true, false], [false, true], [true, true]]
    ) {
      const axis = shape.length - 1, size = shape[axis];
      const sums = tf.tidy(() => tf.cumsum(x, axis, exclusive, reverse).dataSync());
      sums.forEach((sum, i) => {
        const row = values.slice(i - i % size, i - i % size + size), at = i % size;
        const some = reverse
          ? row.slice(exclusive ? at + 1 : at)
          : row.slice(0, exclusive ? at : at + 1);
        assertEquals(sum, some.reduce((a, b) => (a + b) | 0, 0));
      });
    }
    x.dispose();
  }
});

testOnBackends("running sums and products go along any axis, and so do their gradients", () => {
  for (const shape of [[9], [1, 7], [6, 5], [3, 4, 6], [2, 5, 1], [0, 3], [3, 0]]) {
    const size = tf.util.sizeFromShape(shape);
    const values = Float32Array.from({ length: size }, (_, i) => i % 7 ? Math.sin(i * i) * 2 : 0);
    const x = tf.tensor(values, shape);
    for (let axis = 0; axis < shape.length; axis++) {
      const length = shape[axis], step = tf.util.sizeFromShape(shape.slice(axis + 1));
      for (const exclusive of [false, true]) {
        for (const reverse of [false, true]) {
          const sums = x.cumsum(axis, exclusive, reverse).dataSync();
          const products = tf.cumprod(x, axis, exclusive, reverse).dataSync();
          values.forEach((_, i) => {
            const at = Math.floor(i / step) % length, first = i - at * step;
            let sum = 0, product = 1;
            for (let k = 0; k < length; k++) {
              const isBefore = reverse ? k > at : k < at;
              if (!isBefore && (exclusive || k !== at)) continue;
              sum += values[first + k * step];
              product *= values[first + k * step];
            }
            const label = `[${shape}] along ${axis}, ${exclusive}, ${reverse}, at ${i}`;
            assertAlmostEquals(sums[i], sum, 1e-5, label);
            assertAlmostEquals(products[i], product, 1e-5, label);
          });
        }
      }
      // The gradient of a product by a factor is the product of the others.
      const slopes = tf.grad((x: tf.Tensor) => x.prod(axis).sum())(x).dataSync();
      values.forEach((_, i) => {
        const at = Math.floor(i / step) % length, first = i - at * step;
        let product = 1;
        for (let k = 0; k < length; k++) if (k !== at) product *= values[first + k * step];
        assertAlmostEquals(slopes[i], product, 1e-5);
      });
    }
  }
});

testOnBackends("ranges round each number once", () => {
  const tenths = tf.range(0, 1000, 0.1).dataSync();
  assertEquals(tenths.length, 10000);
  for (const i of [1, 3, 4321, 9999]) assertEquals(tenths[i], Math.fround(i * 0.1));
  const parts = tf.linspace(-1, 2, 100001).dataSync();
  for (const i of [0, 1, 50002, 99999]) assertEquals(parts[i], Math.fround(-1 + i * 3e-5));
  assertEquals(parts[100000], 2);
  assertEquals([...tf.linspace(5, 9, 1).dataSync()], [5]);
  assertEquals([...tf.range(7, 2, -2).dataSync()], [7, 5, 3]);
  assertEquals([...tf.range(3, 0).dataSync()], [3, 2, 1]);
  assertEquals([...tf.range(-2, 3, 1, "int32").dataSync()], [-2, -1, 0, 1, 2]);
  assertEquals(tf.range(3, 3).shape, [0]);
});

testOnBackends("topk takes the first of equals, and NaN for the largest", (backend) => {
  for (const columns of [1, 2, 9, 40]) {
    for (const dtype of ["float32", "int32"] as const) {
      const values = Array.from({ length: 3 * columns }, (_, i) => (i * 7) % 5 - 2 + (i % 3));
      if (backend === "wasm" && dtype === "float32") values[columns - 1] = NaN;
      const x = tf.tensor2d(values, [3, columns], dtype);
      for (const k of [1, 3, 32, 40].filter((k) => k <= columns)) {
        // Rows of NaN and many results are left to tfjs.
        const first = k > 32 && Number.isNaN(values[columns - 1]) ? 1 : 0;
        const { values: largest, indices } = tf.topk(x, k);
        for (let row = first; row < 3; row++) {
          const sorted = values.slice(row * columns, (row + 1) * columns)
            .map((value, i) => ({ value, i }))
            .sort((a, b) => {
              const [u, v] = [a, b].map(({ value }) => Number.isNaN(value) ? Infinity : value);
              return v - u || a.i - b.i;
            }).slice(0, k);
          const part = (tensor: tf.Tensor) => [...tensor.dataSync().slice(row * k, (row + 1) * k)];
          assertEquals(part(largest), sorted.map(({ value }) => value));
          assertEquals(part(indices), sorted.map(({ i }) => i));
        }
        tf.dispose([largest, indices]);
      }
      x.dispose();
    }
  }
});

testOnBackends("extremes keep NaN at every place", (backend) => {
  if (backend === "cpu") return;
  for (const shape of [[1, 23, 1], [1, 5, 9], [1, 23, 3]]) {
    const [, size, inner] = shape;
    for (let at = 0; at < size; at++) {
      const values = Array.from({ length: size * inner }, (_, i) => Math.sin(i));
      values[at * inner + at % inner] = NaN;
      for (const compute of [tf.max, tf.min]) {
        const y = tf.tidy(() => compute(tf.tensor(values, shape), 1).dataSync());
        y.forEach((y, i) =>
          assertEquals(Number.isNaN(y), i === at % inner, `${shape}, ${at}, ${i}`)
        );
      }
    }
  }
});

testOnBackends("reductions of other dtypes, and of nothing, are those of cpu", () => {
  const x = tf.tensor2d([[1, -7, 16777217], [5, 0, -3]], [2, 3], "int32");
  assertEquals([...x.max(0).dataSync()], [5, 0, 16777217]);
  assertEquals([...x.min(1).dataSync()], [-7, -3]);
  assertEquals([...x.sum(0).dataSync()], [6, -7, 16777214]);
  assertEquals([...x.prod(1).dataSync()], [-117440519, 0]);
  assertEquals(x.max(0).dtype, "int32");
  assertEquals([...tf.zeros([2, 0]).sum(1).dataSync()], [0, 0]);
  assertEquals(tf.zeros([2, 0]).max(0).shape, [0]);
});

testOnBackends("extremes share their gradient among ties as operations do", (backend) => {
  if (backend === "cpu") return;
  for (const shape of shapes) {
    const size = tf.util.sizeFromShape(shape);
    const x = tf.tensor(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 2)) % 5), shape);
    for (const axes of subsets(shape.length)) {
      for (const compute of [tf.max, tf.min]) {
        const slopes = () =>
          tf.tidy(() => {
            const y = compute(x, axes);
            const dy = tf.tensor([...Array(y.size).keys()].map((i) => Math.cos(i)), y.shape);
            return tf.grad((x: tf.Tensor) => compute(x, axes))(x, dy).dataSync();
          });
        const composed = withoutKernel("TrainchartExtremeSlope", slopes);
        slopes().forEach((slope, i) => {
          const isClose = Math.abs(slope - composed[i]) <= 2e-7 * Math.abs(composed[i]);
          if (!isClose) assertEquals(slope, composed[i], `[${shape}] along ${axes}, place ${i}`);
        });
      }
    }
  }
});

testOnBackends("the gradient of an extreme that is NaN is that of operations", (backend) => {
  if (backend === "cpu") return;
  const x = tf.tensor2d([[1, NaN, 2], [3, 4, 4], [-Infinity, -Infinity, -Infinity]]);
  for (const axis of [0, 1]) {
    const slopes = () => [...tf.grad((x: tf.Tensor) => x.max(axis))(x).dataSync()];
    assertEquals(slopes(), withoutKernel("TrainchartExtremeSlope", slopes));
  }
});
