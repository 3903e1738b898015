import { assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { NATIVES, withNative } from "../fixtures/native.ts";

/** A differentiable operation, and the shapes of its inputs. */
export interface Case {
  name: string;
  shapes: number[][];
  compute: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** The values of the inputs. Default: {@linkcode mixed}. */
  values?: (size: number) => number[];
  /** Largest error against the cpu backend, relative to the largest element. Default: 1e-5. */
  tolerance?: number;
  /** Why cpu is wrong here; then only finite differences are compared. */
  cpuIsWrong?: string;
}

/** Values of both signs, 2 / size apart and not close to zero, in no order. */
export function mixed(size: number): number[] {
  return shuffled(size).map((rank) => (rank + 0.65) / size * 2 - 1);
}

/** Values in (0.2, 1.2). */
export function positive(size: number): number[] {
  return shuffled(size).map((rank) => (rank + 0.5) / size + 0.2);
}

/** Values in (-3, -1): no window has a positive one. */
export function negative(size: number): number[] {
  return shuffled(size).map((rank) => (rank + 0.5) / size * 2 - 3);
}

/** The numbers below `size`, in the order of a fixed generator. */
function shuffled(size: number): number[] {
  const order = Array.from({ length: size }, (_, i) => i);
  let state = size + 12345;
  for (let i = size - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** The weighted sum of the results, so that each has a different gradient. */
function total(y: tf.Tensor): tf.Scalar {
  const weights = Array.from({ length: y.size }, (_, i) => Math.cos(i * 1.7) + 0.3);
  return y.flatten().mul(tf.tensor1d(weights)).sum().asScalar();
}

interface Outcome {
  shape: number[];
  result: Float32Array;
  gradients: Float32Array[];
}

function evaluate({ compute, shapes, values = mixed }: Case): Outcome {
  return tf.tidy(() => {
    const inputs = shapes.map((shape) => tf.tensor(values(tf.util.sizeFromShape(shape)), shape));
    const y = compute(...inputs);
    const gradients = tf.grads((...xs: tf.Tensor[]) => total(compute(...xs)))(inputs);
    gradients.forEach((gradient, i) => assertEquals(gradient.shape, shapes[i]));
    return {
      shape: y.shape,
      result: new Float32Array(y.dataSync()),
      gradients: gradients.map((gradient) => new Float32Array(gradient.dataSync())),
    };
  });
}

/**
 * Compares gradients with central differences of the results, along several directions an input.
 */
function checkSlopes(c: Case, gradients: Float32Array[]): void {
  const values = c.shapes.map((shape) => (c.values ?? mixed)(tf.util.sizeFromShape(shape)));
  const at = (index: number, direction: number[], h: number): number =>
    tf.tidy(() => {
      const inputs = c.shapes.map((shape, i) =>
        tf.tensor(
          i === index ? values[i].map((x, j) => x + h * direction[j]) : values[i],
          shape,
        )
      );
      const y = c.compute(...inputs).dataSync();
      let sum = 0;
      for (let i = 0; i < y.length; i++) sum += y[i] * (Math.cos(i * 1.7) + 0.3);
      return sum;
    });
  gradients.forEach((gradient, index) => {
    for (const frequency of [0.9, 2.3, 0.11]) {
      const direction = values[index].map((_, j) => Math.sin(j * frequency + 1));
      // Small enough not to change which element is the largest.
      const h = Math.min(2e-3, 0.1 / values[index].length + 2e-4);
      const slope = (at(index, direction, h) - at(index, direction, -h)) / (2 * h);
      let expected = 0, scale = 1e-3;
      gradient.forEach((g, j) => {
        expected += g * direction[j];
        scale += Math.abs(g * direction[j]);
      });
      const error = Math.abs(slope - expected) / scale;
      assertLess(error, 1e-2, `${c.name}: gradient by input ${index} is ${expected}, not ${slope}`);
    }
  });
}

function compare(name: string, actual: Float32Array, expected: Float32Array, tolerance: number) {
  assertEquals(actual.length, expected.length, `${name}: sizes differ`);
  let difference = 0, scale = 1e-6;
  for (let i = 0; i < actual.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = Math.max(difference, Number.isNaN(d) ? Infinity : d);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  assertLess(difference / scale, tolerance, `${name}: differs from cpu`);
}

const { state } = await Deno.permissions.query({ name: "read" });

function compareOutcomes(c: Case, actual: Outcome, expected: Outcome): void {
  const { name, tolerance = 1e-5 } = c;
  assertEquals(actual.shape, expected.shape);
  compare(`${name}, result`, actual.result, expected.result, tolerance);
  actual.gradients.forEach((gradient, i) =>
    compare(`${name}, gradient ${i}`, gradient, expected.gradients[i], tolerance)
  );
}

/**
 * Registers a test that computes each case on wasm, and checks it against cpu and differences.
 *
 * @param native Also compute each case with every native library that is installed.
 */
export function sweep(name: string, cases: Case[], { native = false } = {}): void {
  Deno.test(
    `wasm computes and differentiates ${name}`,
    { ignore: state !== "granted" },
    async (t) => {
      for (const c of cases) {
        await t.step(c.name, async () => {
          await selectBackend({ prefer: "cpu", quiet: true });
          const cpu = c.cpuIsWrong ? undefined : evaluate(c);
          await selectBackend({ prefer: "wasm", quiet: true });
          const before = tf.memory().numTensors;
          const wasm = evaluate(c);
          assertEquals(tf.memory().numTensors, before, "tensors are left");
          if (cpu) compareOutcomes(c, wasm, cpu);
          checkSlopes(c, wasm.gradients);
          for (const name of native ? NATIVES : []) {
            await withNative(name, () => {
              const outcome = evaluate(c), titled = { ...c, name: `${c.name} by ${name}` };
              compareOutcomes(titled, outcome, cpu ?? wasm);
              checkSlopes(titled, outcome.gradients);
            });
          }
          assertEquals(tf.memory().numTensors, before, "tensors are left");
        });
      }
    },
  );
}
