/**
 * The optimizers of `tf.train` update all weights in one call, with the bits of the operations of which
 * TensorFlow.js composes an update.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { isOneCall } from "../../src/backend/fuse_optimizers.ts";
import { readOptimizer } from "../../src/optimizers/optimizer_state.ts";
import { withoutKernel } from "../backend/without_kernel.ts";

// The WebAssembly backend reads its files.
const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  "sgd()": () => tf.train.sgd(0.1),
  "momentum()": () => tf.train.momentum(0.1, 0.9),
  "momentum() with Nesterov's rule": () => tf.train.momentum(0.1, 0.7, true),
  "adagrad()": () => tf.train.adagrad(0.1, 0.3),
  "adadelta()": () => tf.train.adadelta(0.3, 0.9, 1e-3),
  "adamax()": () => tf.train.adamax(0.02, 0.8, 0.95, 1e-5, 0.01),
  "rmsprop()": () => tf.train.rmsprop(0.01),
  "rmsprop() with momentum": () => tf.train.rmsprop(0.01, 0.8, 0.6, 1e-4),
  "rmsprop() of centered gradients": () => tf.train.rmsprop(0.01, 0.8, 0.6, 1e-4, true),
};

/** Sizes whose last elements fill a vector, or do not. */
const SIZES = [1, 2, 3, 4, 7, 64, 1031];
const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 1e-40, 3e38];

/** The gradient of a variable in a step; none where the variable is frozen. */
function gradientOf(at: number, step: number): number[] | null {
  if ((at === 1 && step === 2) || (at === 2 && step === 3)) return null;
  return Array.from(
    { length: SIZES[at] },
    (_, i) => at === 6 && step === 4 && i < SPECIAL.length ? SPECIAL[i] : Math.cos(i + step) ** 3,
  );
}

/** Updates variables in some steps; returns their elements and the optimizer's state. */
function update(make: () => tf.Optimizer): unknown[] {
  const optimizer = make();
  const starts = SIZES.map((size) => Array.from({ length: size }, (_, i) => Math.sin(i)));
  const variables = starts.map((start, at) =>
    tf.tidy(() => tf.variable(tf.tensor1d(start), true, `stock ${at}`))
  );
  let kept: tf.Tensor | undefined;
  for (let step = 0; step < 6; step++) {
    const named = variables.map(({ name }, at) => {
      const gradient = gradientOf(at, step);
      return { name, tensor: gradient && tf.tensor1d(gradient) };
    });
    optimizer.applyGradients(named as never);
    tf.dispose(named.flatMap(({ tensor }) => tensor ?? []));
    if (step === 1) kept = variables[3].clone();
    const rated = optimizer as unknown as { setLearningRate?(rate: number): void };
    if (step === 2) rated.setLearningRate?.(0.05);
  }
  const { fields, iterations } = readOptimizer(optimizer);
  const numbersOf = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
  const numbers = [
    [...variables, kept!].map(numbersOf),
    iterations,
    ...Object.values(fields!).map((field) =>
      Array.isArray(field)
        ? field.map(([name, tensor]) => [name, numbersOf(tensor)])
        : numbersOf(field)
    ),
  ];
  dispose(optimizer);
  tf.dispose([...variables, kept!]);
  return numbers;
}

/** tf.train.momentum() leaves the learning rate behind. */
function dispose(optimizer: tf.Optimizer): void {
  optimizer.dispose();
  const { c } = optimizer as unknown as { c?: tf.Scalar };
  if (c && !c.isDisposed) c.dispose();
}

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  Deno.test(`tf.train.${name} has the same bits in one call`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    try {
      const { numTensors } = tf.memory();
      const optimizer = make();
      assert(isOneCall(optimizer));
      dispose(optimizer);
      const composed = withoutKernel("TrainchartStockUpdate", () => update(make));
      assertEquals(update(make), composed);
      assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
    } finally {
      await tf.setBackend("cpu");
    }
  });
}

Deno.test("an optimizer with an update of its own is not one call", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  class Own extends tf.SGDOptimizer {
    override applyGradients(): void {}
  }
  const optimizers = [new Own(0.1), tf.train.sgd(0.1)];
  assertEquals(optimizers.map(isOneCall), [false, true]);
  optimizers[1].applyGradients = () => {};
  assert(!isOneCall(optimizers[1]));
  optimizers.forEach((optimizer) => optimizer.dispose());
  await tf.setBackend("cpu");
});

Deno.test("tf.train.sgd() refuses a gradient of another shape as before", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const variable = tf.tidy(() => tf.variable(tf.zeros([3]), true, "shaped"));
  const optimizer = tf.train.sgd(0.1), gradient = tf.ones([4]);
  try {
    optimizer.applyGradients({ shaped: gradient });
    assert(false, "it was applied");
  } catch (error) {
    assert(/shape/.test(String(error)), String(error));
  }
  assertEquals(Array.from(variable.dataSync()), [0, 0, 0]);
  tf.dispose([variable, gradient]);
  optimizer.dispose();
  await tf.setBackend("cpu");
});
