import { assertEquals } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

/** More than 2 ** 22 elements, and no multiple of a vector. */
const N = 2 ** 22 + 3;
/** Elements that are compared at each end. */
const ENDS = 50;

// deno-fmt-ignore
const unary = [
  "Abs", "Ceil", "Cos", "Elu", "Erf", "Exp", "Floor", "IsNan", "Log1p", "Neg", "Relu", "Relu6",
  "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Softplus", "Sqrt", "Square", "Step", "Tanh",
];
// deno-fmt-ignore
const binary = [
  "Add", "Equal", "FloorDiv", "Greater", "Less", "Maximum", "Minimum", "Mod", "Multiply", "RealDiv",
  "SquaredDifference", "Sub",
];

type Dtype = "float32" | "int32" | "bool";

function values(dtype: Dtype, salt: number): Float32Array | Int32Array | Uint8Array {
  if (dtype === "float32") {
    return Float32Array.from({ length: N }, (_, i) => Math.sin(i + salt) * 3);
  }
  if (dtype === "int32") return Int32Array.from({ length: N }, (_, i) => (i * 7 + salt) % 11 + 1);
  return Uint8Array.from({ length: N }, (_, i) => (i * 7 + salt >> 1) & 1);
}

/** Runs a kernel on all elements on wasm, and on those at each end on cpu; compares the ends. */
async function compareEnds(
  kernel: string,
  inputs: Record<string, Float32Array | Int32Array | Uint8Array>,
  dtype: Dtype,
): Promise<void> {
  const run = (from: number, to: number) => {
    const tensors = Object.entries(inputs).map(([name, array]): [string, tf.Tensor] => [
      name,
      tf.tensor1d(array.subarray(from, to) as Float32Array, dtype),
    ]);
    const named = Object.fromEntries(tensors);
    const y: tf.Tensor = tf.engine().runKernel(kernel, named, { alpha: 0 });
    const results = y.dataSync();
    tf.dispose([named, y]);
    return results;
  };
  await selectBackend({ prefer: "wasm", quiet: true });
  const all = run(0, N);
  await selectBackend({ prefer: "cpu", quiet: true });
  for (const [from, to] of [[0, ENDS], [N - ENDS, N]]) {
    const expected = run(from, to);
    const actual = all.subarray(from, to);
    const wrong = expected.findIndex((want, i) =>
      !(Math.abs(actual[i] - want) <= 1e-6 * Math.abs(want) + 2e-6 || Object.is(actual[i], want))
    );
    assertEquals(wrong, -1, `${kernel} ${dtype}: ${actual[wrong]} for ${expected[wrong]}`);
  }
}

for (const dtype of ["float32", "int32", "bool"] as const) {
  Deno.test(
    `wasm computes ${dtype} tensors of more than 2 ** 22 elements`,
    { ignore },
    async () => {
      const a = values(dtype, 0), b = values(dtype, 5);
      // Other dtypes take the same path in most kernels.
      const some = dtype === "float32" ? unary : ["Abs", "Neg", "Relu", "Square"];
      for (const kernel of some) await compareEnds(kernel, { x: a }, dtype);
      for (const kernel of dtype === "bool" ? ["Equal", "Greater"] : binary) {
        await compareEnds(kernel, { a, b }, dtype);
      }
    },
  );

  Deno.test(`wasm moves ${dtype} tensors of more than 2 ** 22 elements`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const before = tf.memory().numTensors;
    const array = values(dtype, 0);
    tf.tidy(() => {
      const x = tf.tensor1d(array as Float32Array, dtype);
      const last = (y: tf.Tensor) => y.dataSync().at(-1);
      assertEquals(last(x.reverse()), array[0]);
      assertEquals(last(x.pad([[1, 0]])), array[N - 1]);
      assertEquals(last(tf.concat([x, x])), array[N - 1]);
      assertEquals(last(x.slice([5], [N - 7])), array[N - 3]);
      assertEquals(last(tf.where(x.cast("bool"), x, x)), array[N - 1]);
      assertEquals(last(tf.stack([x, x], 1)), array[N - 1]);
      assertEquals(last(tf.stridedSlice(x, [0], [N], [2])), array[N - 1]);
      assertEquals(last(x.reshape([1, N]).tile([2, 1])), array[N - 1]);
      assertEquals(last(tf.gather(x, tf.tensor1d([N - 2], "int32"))), array[N - 2]);
      const transposed = x.slice([0], [2 ** 22]).reshape([2, 2 ** 21]).transpose();
      assertEquals(last(transposed.slice([7, 0], [1, 2])), array[2 ** 21 + 7]);
      assertEquals(
        last(x.cast("bool").sum()),
        Array.from(array).filter((value) => value !== 0).length,
      );
    });
    assertEquals(tf.memory().numTensors, before);
  });
}
