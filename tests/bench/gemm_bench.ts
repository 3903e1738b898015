/**
 * GFLOP/s of our products of matrices, against XNNPACK's, tfjs's own and those of the native libraries
 * that are installed, by shape.
 *
 * XNNPACK multiplies in `_FusedMatMul`, and only operands that are not transposed, so these are
 * transposed first, as a user of it would have to. Relations matter more than numbers: a compiler
 * that orders the inner loop otherwise shows up here, by half.
 *
 * @module
 */
import { median } from "./median.ts";
import { parseArgs } from "node:util";
import { type NativeName, selectBackend, tf } from "../../mod.ts";
import { importWasm } from "../../src/deps/tfjs.ts";
import { NATIVES } from "../fixtures/native.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { json: { type: "boolean" }, rounds: { type: "string", default: "15" } },
});

interface Shape {
  name: string;
  rows: number;
  columns: number;
  depth: number;
  transposeA: boolean;
  transposeB: boolean;
}

const shapes: Shape[] = ([
  ["512^3", 512, 512, 512, false, false],
  ["512^3, a transposed", 512, 512, 512, true, false],
  ["512^3, b transposed", 512, 512, 512, false, true],
  ["512^3, both", 512, 512, 512, true, true],
  ["dense forward", 64, 256, 784, false, false],
  ["dense, weights", 784, 256, 64, true, false],
  ["dense, input", 64, 784, 256, false, true],
  ["patches", 7744, 64, 288, false, false],
  ["one example", 1, 256, 784, false, false],
] as const).map(([name, rows, columns, depth, transposeA, transposeB]) => ({
  ...{ name, rows, columns, depth, transposeA, transposeB },
}));

type Multiply = (a: tf.Tensor, b: tf.Tensor, shape: Shape) => tf.Tensor;
type KernelName = "BatchMatMul" | "_FusedMatMul";

await importWasm();
await tf.setBackend("wasm");
/** tfjs's kernels, before ours take their place. */
const stock = Object.fromEntries(
  (["BatchMatMul", "_FusedMatMul"] as const).map((name) => [name, tf.getKernel(name, "wasm")]),
);
await selectBackend({ prefer: "wasm", quiet: true });

function call(
  name: KernelName,
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
) {
  const [a3, b3] = [a.expandDims(0), b.expandDims(0)];
  const result = stock[name].kernelFunc({
    inputs: { a: a3, b: b3 },
    attrs: { transposeA, transposeB, activation: "linear" },
    backend: tf.backend(),
  }) as tf.TensorInfo;
  return tf.engine().makeTensorFromTensorInfo(result);
}

const multiply: Multiply = (a, b, { transposeA, transposeB }) =>
  tf.matMul(a, b, transposeA, transposeB);
const contenders: Record<string, Multiply> = {
  ours: multiply,
  XNNPACK: (a, b, { transposeA, transposeB }) =>
    call(
      "_FusedMatMul",
      transposeA ? a.transpose() : a,
      transposeB ? b.transpose() : b,
      false,
      false,
    ),
  stock: (a, b, { transposeA, transposeB }) => call("BatchMatMul", a, b, transposeA, transposeB),
  ...Object.fromEntries(NATIVES.map((name) => [name, multiply])),
};

const table = [];
for (const shape of shapes) {
  const { rows, columns, depth, transposeA, transposeB } = shape;
  const a = tf.randomNormal(transposeA ? [depth, rows] : [rows, depth]);
  const b = tf.randomNormal(transposeB ? [columns, depth] : [depth, columns]);
  const work = 2 * rows * columns * depth / 1e6;
  const speeds = Object.fromEntries(Object.keys(contenders).map((name) => [name, [] as number[]]));
  const times = Math.max(Math.round(20 / work), 1);
  for (let round = 0; round < Number(values.rounds) + 2; round++) {
    for (const [name, multiply] of Object.entries(contenders)) {
      const native = NATIVES.includes(name as NativeName) ? name as NativeName : undefined;
      await selectBackend({ prefer: "wasm", native, quiet: true });
      const start = performance.now();
      for (let i = 0; i < times; i++) tf.tidy(() => void multiply(a, b, shape));
      // The first rounds compile.
      if (round >= 2) speeds[name].push(work * times / (performance.now() - start));
    }
  }
  tf.dispose([a, b]);
  const ratios = speeds.ours.map((speed, i) => speed / speeds.XNNPACK[i]);
  const medians = Object.fromEntries(
    Object.entries(speeds).map(([name, list]) => [name, median(list)]),
  );
  table.push({ shape: shape.name, ...medians, againstXNNPACK: median(ratios) });
}

if (values.json) console.log(JSON.stringify(table, null, 2));
else console.table(table);
