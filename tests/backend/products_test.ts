import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { type Case, sweep } from "./sweep.ts";

/** Ones, primes, and sizes beyond a tile (4 x 8) and beyond a block (128 x 512 x 512). */
const sizes = [
  [1, 1, 1],
  [4, 8, 4],
  [1, 17, 5],
  [5, 1, 3],
  [3, 7, 1],
  [7, 13, 11],
  [9, 23, 30],
  [131, 9, 5],
  [3, 521, 2],
  [5, 3, 521],
  [13, 37, 600],
  [133, 529, 9],
  [39, 1, 1027],
  [1, 1, 600],
];

const matmuls: Case[] = sizes.flatMap(([rows, columns, depth]) =>
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB): Case => ({
      name: `${rows}x${columns}x${depth} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
      shapes: [
        transposeA ? [depth, rows] : [rows, depth],
        transposeB ? [columns, depth] : [depth, columns],
      ],
      compute: (a, b) => tf.matMul(a, b, transposeA, transposeB),
    }))
  )
);

const batched: Case[] = [
  { name: "batch", shapes: [[3, 5, 7], [3, 7, 2]], compute: (a, b) => tf.matMul(a, b) },
  {
    name: "batch TT",
    shapes: [[3, 5, 7], [3, 2, 5]],
    compute: (a, b) => tf.matMul(a, b, true, true),
  },
  { name: "one left", shapes: [[5, 7], [3, 7, 2]], compute: (a, b) => tf.matMul(a, b) },
  {
    name: "two outer axes",
    shapes: [[2, 3, 5, 7], [2, 3, 7, 2]],
    compute: (a, b) => tf.matMul(a, b),
  },
  ...[false, true].flatMap((transposeB) =>
    [[3, 5, 7], [2, 3, 5, 7], [2, 1, 1, 7]].map((
      shape,
    ): Case => ({
      name: `[${shape}] by one matrix${transposeB ? ", transposed" : ""}`,
      shapes: [shape, transposeB ? [1, 2, 7] : [1, 7, 2]],
      compute: (a, b) => tf.matMul(a, b, false, transposeB),
      cpuIsWrong: shape.length > 3 ? "it loses axes of the batch" : undefined,
    }))
  ),
  {
    name: "batch T by one matrix",
    shapes: [[3, 7, 5], [7, 2]],
    compute: (a, b) => tf.matMul(a, b, true),
  },
  {
    name: "broadcast both ways",
    shapes: [[2, 1, 5, 7], [1, 3, 7, 2]],
    compute: (a, b) => tf.matMul(a, b),
    cpuIsWrong: "it makes one matrix of each larger operand's, not one of each pair",
  },
  { name: "dot", shapes: [[9], [9]], compute: (a, b) => tf.dot(a, b) },
  {
    name: "outer",
    shapes: [[9], [5]],
    compute: (a, b) => tf.outerProduct(a as tf.Tensor1D, b as tf.Tensor1D),
  },
];

type Activation = "linear" | "relu" | "relu6" | "elu" | "sigmoid" | "leakyrelu";

const fused: Case[] = (["linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu"] as Activation[])
  .flatMap((activation) =>
    [[false, false], [true, false], [false, true], [true, true]].map((
      [transposeA, transposeB],
    ) => ({
      name: `fused ${activation} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
      // Deeper than 48, where tfjs's own kernel adds the bias more than once.
      shapes: [transposeA ? [101, 6] : [6, 101], transposeB ? [11, 101] : [101, 11], [11]],
      compute: (a: tf.Tensor, b: tf.Tensor, bias: tf.Tensor) =>
        tf.fused.matMul({ a, b, bias, transposeA, transposeB, activation }),
    }))
  );

const einsums: Case[] = [
  ["ij,jk->ik", [4, 5], [5, 3]],
  ["ij,kj->ki", [4, 5], [3, 5]],
  ["bij,bjk->bik", [2, 4, 5], [2, 5, 3]],
  ["bhid,bhjd->bhij", [2, 3, 4, 5], [2, 3, 6, 5]],
  ["abc,cd->abd", [2, 3, 4], [4, 5]],
  ["i,j->ij", [3], [4]],
  ["ij,ij->", [3, 4], [3, 4]],
  ["ij,j->i", [3, 4], [4]],
  ["aebf,fdec->abcd", [2, 3, 4, 5], [5, 2, 3, 3]],
].map(([equation, ...shapes]) => ({
  name: `einsum ${equation}`,
  shapes: shapes as number[][],
  compute: (...inputs: tf.Tensor[]) => tf.einsum(equation as string, ...inputs),
}));

sweep("products", [...matmuls, ...batched], { native: true });
sweep("fused products", fused, { native: true });
sweep("einsum", [
  ...einsums,
  { name: "einsum ij->ji", shapes: [[3, 4]], compute: (x) => tf.einsum("ij->ji", x) },
  { name: "einsum ijk->k", shapes: [[3, 4, 5]], compute: (x) => tf.einsum("ijk->k", x) },
]);

type Unfit = [a: number[], b: number[], transposeA?: boolean, transposeB?: boolean];

testOnBackends("products of matrices that do not fit throw", () => {
  const unfit: Unfit[] = [
    [[2, 3], [3, 2], false, true],
    [[2, 3], [3, 2], true, false],
    [[3, 2], [3, 2], true, true],
    [[2, 3], [4, 2]],
    [[2, 3, 2], [4, 2]],
    [[2, 2], [2]],
  ];
  for (const [a, b, transposeA, transposeB] of unfit) {
    assertThrows(() => tf.matMul(tf.ones(a), tf.ones(b), transposeA, transposeB));
  }
});

testOnBackends("fused convolutions make the same checks in training", () => {
  type Options = Partial<Parameters<typeof tf.fused.conv2d>[0]>;
  const unfit: Options[] = [
    { filter: tf.ones([3, 3, 2, 5]) as tf.Tensor4D },
    { strides: 2, dilations: 2 },
    { pad: 0.5, dimRoundingMode: "floor" },
  ];
  const fitting = {
    filter: tf.ones([3, 3, 3, 5]) as tf.Tensor4D,
    strides: 1,
    pad: "same",
  } as const;
  const gradient = (options: Options) =>
    tf.grad((x) =>
      tf.fused.conv2d({ x: x as tf.Tensor4D, ...fitting, bias: tf.ones([5]), ...options })
    )(tf.ones([1, 4, 4, 3]));
  for (const options of unfit) assertThrows(() => gradient(options));
  assertEquals(gradient({}).shape, [1, 4, 4, 3]);
});

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

Deno.test(
  "a row of a product has the same bits whatever the number of rows",
  { ignore },
  async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      for (const [depth, columns] of [[30, 21], [512, 16], [784, 75], [1300, 523], [1300, 1]]) {
        const a = tf.range(0, 140 * depth).sin().reshape([140, depth]);
        const b = tf.range(0, depth * columns).cos().reshape([depth, columns]);
        const bias = tf.range(0, columns);
        const product = (rows: number, transposeB: boolean) =>
          tf.fused.matMul({
            a: a.slice(0, rows),
            b: transposeB ? b.transpose() : b,
            bias,
            transposeB,
            activation: "relu",
          }).slice(0, 1).dataSync();
        const row = product(1, false);
        for (const rows of [2, 4, 5, 8, 9, 17, 131]) {
          assertEquals(product(rows, false), row, `${rows} x ${depth} x ${columns}`);
          assertEquals(product(rows, true), row, `${rows} x ${depth} x ${columns}, transposed`);
        }
      }
    });
    assertEquals(tf.memory().numTensors, before);
  },
);

/** Fused products of each number of rows, of one and two blocks of depth; exact ones beside them. */
function productsOfRows(): { actual: Float32Array; exact: number[] }[] {
  const numbers = (size: number, step: number) =>
    Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i * step + 1)));
  const all: { actual: Float32Array; exact: number[] }[] = [];
  for (const rows of [...Array.from({ length: 20 }, (_, i) => i + 1), 135]) {
    for (const [columns, depth] of [[8, 33], [21, 40], [16, 530]]) {
      const [a, b] = [numbers(rows * depth, 0.7), numbers(depth * columns, 1.3)];
      const bias = numbers(columns, 2.1), exact: number[] = [];
      for (let i = 0; i < rows * columns; i++) {
        const row = Math.floor(i / columns), column = i % columns;
        let sum = bias[column];
        for (let k = 0; k < depth; k++) sum += a[row * depth + k] * b[k * columns + column];
        exact.push(Math.max(sum, 0));
      }
      for (const [transposeA, transposeB] of [[false, false], [true, false], [false, true]]) {
        const actual = tf.tidy(() => {
          const [left, right] = [tf.tensor2d(a, [rows, depth]), tf.tensor2d(b, [depth, columns])];
          return tf.fused.matMul({
            ...{
              a: transposeA ? left.transpose() : left,
              b: transposeB ? right.transpose() : right,
            },
            ...{ transposeA, transposeB, bias: tf.tensor1d(bias), activation: "relu" },
          }).dataSync() as Float32Array;
        });
        all.push({ actual, exact });
      }
    }
  }
  return all;
}

for (const relaxed of [true, false]) {
  const build = relaxed ? "relaxed" : "plain";
  Deno.test(`products of any number of rows are right, in the ${build} build`, {
    ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
  }, async () => {
    await selectBackend({ prefer: "wasm", relaxed, quiet: true });
    for (const { actual, exact } of productsOfRows()) {
      actual.forEach((x, i) => assertLess(Math.abs(x - exact[i]), 2e-5));
    }
  });
}

testOnBackends("products of integers wrap, of any shape", () => {
  const numbers = (shape: number[], step: number) => {
    const size = tf.util.sizeFromShape(shape);
    return tf.tensor(
      Array.from({ length: size }, (_, i) => (i * step) % 199999 - 99999),
      shape,
      "int32",
    );
  };
  for (const [rows, columns, depth] of [[1, 1, 1], [3, 5, 2], [4, 8, 3], [9, 19, 7], [6, 16, 0]]) {
    for (const [transposeA, transposeB] of [[false, false], [true, false], [false, true]]) {
      const a = numbers([2, ...(transposeA ? [depth, rows] : [rows, depth])], 7919);
      const b = numbers(transposeB ? [columns, depth] : [depth, columns], 104729);
      const product = tf.matMul(a, b, transposeA, transposeB);
      assertEquals([product.dtype, product.shape], ["int32", [2, rows, columns]]);
      const [x, y] = [a, b].map((tensor) => tensor.dataSync());
      product.dataSync().forEach((actual, at) => {
        const j = at % columns, i = Math.floor(at / columns) % rows;
        const matrix = Math.floor(at / columns / rows) * rows * depth;
        let sum = 0;
        for (let k = 0; k < depth; k++) {
          const left = x[matrix + (transposeA ? k * rows + i : i * depth + k)];
          sum = (sum + Math.imul(left, y[transposeB ? j * depth + k : k * columns + j])) | 0;
        }
        assertEquals(actual, sum, `${rows} x ${columns}, ${depth} deep, at ${at}`);
      });
    }
  }
});
