/**
 * Programs that import `@tensorflow/tfjs` beside Trainchart, earlier or later: there is one
 * TensorFlow.js, and what Trainchart registers stays registered.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { tf } from "../../src/deps/tfjs.ts";
import { runDeno } from "../fixtures/run_deno.ts";

const states = await Promise.all(
  (["run", "read", "env"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");
const root = new URL("../../", import.meta.url);
const front = JSON.stringify(new URL("mod.ts", root).href);

const UNION = 'import * as union from "npm:@tensorflow/tfjs@4.22.0";';

/** Trains with layers of `union`, and prints what is registered and what came out. */
const TRAIN = `
  const model = withSeed(1, () => union.sequential({ layers: [
    union.layers.dense({ units: 8, activation: "tanh", inputShape: [2] }),
    union.layers.dense({ units: 1 }),
  ] }));
  const data = union.tensor2d([[0, 0], [0, 1], [1, 0], [1, 1]]);
  const labels = union.tensor2d([[0], [1], [1], [0]]);
  const before = union.memory().numTensors;
  const learner = new Learner({
    model,
    optimizer: union.train.adam(0.1),
    lossFunction: union.losses.meanSquaredError,
    dataloaders: { train: [{ data, labels }] },
  });
  const { trainLoss } = await learner.train({ epochs: 30 });
  const slope = (f, x) => union.tidy(() => Array.from(union.grad(f)(union.tensor1d(x)).dataSync()));
  const names = union.getKernelsForBackend("wasm").map(({ kernelName }) => kernelName).sort();
  const sources = (of) => names.map((name) => [name, String(of(name))]);
  console.log(JSON.stringify({
    same: union.engine() === tf.engine() && union.Tensor === tf.Tensor,
    backend: union.getBackend(),
    trainLoss,
    left: union.memory().numTensors === tf.memory().numTensors,
    slope: slope((x) => x.relu().mul(x.abs()).sum(), [-1, 0, 2]),
    kernels: sources((name) => union.getKernel(name, "wasm").kernelFunc),
    gradients: sources((name) => union.getGradient(name)?.gradFunc),
    methods: Object.keys(tf.Tensor.prototype).sort(),
  }));`;

/** The output of {@linkcode TRAIN}. */
interface Result {
  /** Whether engine and classes are the same. */
  same: boolean;
  backend: string;
  trainLoss: number;
  /** Names and sources of gradients. */
  gradients: [string, string][];
}

const FRONT = `import { Learner, selectBackend, tf, withSeed } from ${front};`;
const START = "await selectBackend({ quiet: true });";

const PROGRAMS = {
  alone: `${FRONT} ${START} const union = tf; ${TRAIN}`,
  earlier: `${UNION} ${FRONT} ${START} ${TRAIN}`,
  later: `${FRONT} ${UNION} ${START} ${TRAIN}`,
  "after the start": `${FRONT} ${START}
    const union = await import("npm:@tensorflow/tfjs@4.22.0"); ${TRAIN}`,
};

Deno.test("a program that also imports @tensorflow/tfjs, in any order, trains the same", {
  ignore,
}, async () => {
  const found: Record<string, Result> = {};
  for (const [name, program] of Object.entries(PROGRAMS)) {
    const args = ["--ext=ts", "--no-check", "--lock=tests/deno.lock"];
    const { output, errors } = await runDeno(root.pathname, "eval", ...args, program);
    assertEquals(errors, "", name);
    found[name] = JSON.parse(output);
  }
  const { alone } = found;
  assertEquals([alone.same, alone.backend], [true, "wasm"]);
  assert(alone.trainLoss < 0.2, `the loss is ${alone.trainLoss}`);
  // The gradients of tfjs that are right are written for older engines in one copy, and not in the other.
  const ours = alone.gradients.filter(([, source]) => !source.startsWith("function"));
  assertGreater(ours.length, 80);
  for (const [name, result] of Object.entries(found)) {
    const gradients = new Map(result.gradients);
    assertEquals(ours.map(([kernel]) => [kernel, gradients.get(kernel)]), ours, name);
    assertEquals({ ...result, gradients: [] }, { ...alone, gradients: [] }, name);
  }
});

/** Arguments that fit one method or another. */
const ARGUMENTS: (() => unknown[])[] = [
  () => [],
  () => [tf.tensor2d([[0.5, 2], [1, 0.25]])],
  () => [tf.tensor2d([[1, 0], [0, 1]]), tf.tensor2d([[5, 6], [7, 8]])],
  () => [tf.tensor2d([[1, 0], [0, 1]], undefined, "bool"), tf.tensor2d([[5, 6], [7, 8]])],
  () => [tf.tensor1d([1, 0], "int32"), 1],
  () => [tf.tensor1d([1, 0], "int32"), 2],
  () => [[tf.tensor2d([[5, 6], [7, 8]]), tf.tensor2d([[3, 3], [3, 3]])], 1],
  () => [1],
  () => [0, true],
  () => [0.25, 0.75],
  () => [[1, 0]],
  () => [[0, 1], [2, 1]],
  () => [[[1, 1], [0, 1]], "reflect"],
  () => [[[1, 1], [0, 1]], 3],
  () => [4, 1],
  () => [2, 2, 1],
  () => [1, 2, 2, 1],
  () => [1, 2, 1, 2, 1],
  () => ["int32"],
];

/** The results of a method, or whether it refuses the arguments. */
function outcomeOf(x: tf.Tensor, method: (...args: unknown[]) => unknown, args: unknown[]) {
  try {
    return [method.apply(x, args)].flat().map((y) => {
      const { shape, dtype } = y as tf.Tensor;
      return { shape, dtype, values: Array.from((y as tf.Tensor).dataSync()) };
    });
  } catch (error) {
    assert(!String(error).includes("operation is not a function"), String(error));
    return "refused";
  }
}

Deno.test("the methods of tensors are those of @tensorflow/tfjs", { ignore }, async () => {
  await tf.setBackend("cpu");
  const prototype = tf.Tensor.prototype as unknown as Record<string, never>;
  const ours = { ...prototype };
  await import("npm:@tensorflow/tfjs@4.22.0");
  assertEquals(Object.keys(ours), Object.keys(prototype));
  let results = 0;
  for (const name of Object.keys(ours)) {
    if (prototype[name] === ours[name]) continue;
    for (const make of ARGUMENTS) {
      for (const shape of [[2, 2], [4], [1, 2, 2, 1]]) {
        tf.engine().startScope();
        const x = tf.tensor([0.1, 0.9, 0.4, 0.6], shape), args = make();
        const [our, their] = [ours[name], prototype[name]].map((f) => outcomeOf(x, f, args));
        assertEquals(our, their, `${name}(${args}) of [${shape}]`);
        if (typeof our !== "string") results++;
        tf.engine().endScope();
      }
    }
  }
  const disposed = tf.scalar(1);
  disposed.dispose();
  assertThrows(() => disposed.add(1), Error, "Tensor is disposed.");
  assertGreater(results, 500);
  assertEquals(tf.memory().numTensors, 0);
});

Deno.test("a program's own gradient replaces ours, by either import", { ignore }, async () => {
  const union = await import("npm:@tensorflow/tfjs@4.22.0");
  const _sameTypes: [tf.Sequential, tf.Tensor1D] | undefined = undefined as
    | [ReturnType<typeof union.sequential>, ReturnType<typeof union.tensor1d>]
    | undefined;
  for (const { registerGradient } of [tf, union]) {
    const before = tf.getGradient("Relu");
    const own = { ...before, kernelName: "Relu" };
    registerGradient(own);
    assertEquals(tf.getGradient("Relu") === own, true);
    registerGradient(before);
  }
});
