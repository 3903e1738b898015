import { assert, assertEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

/** The published formula, in plain numbers. */
function reference(gradients: (number[] | undefined)[], start: number[]): number[] {
  const m = start.map(() => 0), v = start.map(() => 0), x = [...start];
  gradients.forEach((gradient, step) => {
    gradient?.forEach((g, i) => {
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.95 * v[i] + 0.05 * g * g;
      const first = m[i] / (1 - 0.8 ** (step + 1)), second = v[i] / (1 - 0.95 ** (step + 1));
      x[i] -= 0.1 * first / (Math.sqrt(second) + 1e-3);
    });
  });
  return x;
}

/** Sizes whose last elements fill a vector, or do not. */
const SIZES = [1, 2, 3, 4, 7, 64, 1031];

testOnBackends("tf.train.adam computes its published formula, also after a freeze", async () => {
  const optimizer = tf.train.adam(0.1, 0.8, 0.95, 1e-3);
  const starts = SIZES.map((size) => Array.from({ length: size }, (_, i) => Math.sin(i)));
  const variables = starts.map((start) => tf.variable(tf.tensor1d(start)));
  // The second variable is frozen in the third step, the third in the fourth.
  const gradients = starts.map((start, at) =>
    [0, 1, 2, 3, 4].map((step) =>
      (at === 1 && step === 2) || (at === 2 && step === 3)
        ? undefined
        : start.map((_, i) => Math.cos(i + step))
    )
  );
  for (let step = 0; step < 5; step++) {
    const named = variables.map(({ name }, at) => {
      const gradient = gradients[at][step];
      // tfjs accepts both for a missing gradient.
      const none = at === 1 ? null : undefined;
      return { name, tensor: (gradient ? tf.tensor1d(gradient) : none)! };
    });
    optimizer.applyGradients(named);
    tf.dispose(named.flatMap(({ tensor }) => tensor ?? []));
  }
  variables.forEach((variable, at) => {
    assert(relativeError(variable, reference(gradients[at], starts[at])) < 1e-5, `${SIZES[at]}`);
  });
  const weights = await optimizer.getWeights();
  assertEquals(weights.map(({ tensor }) => tensor.size), [1, ...SIZES, ...SIZES]);
  assertEquals(weights[0].tensor.dataSync()[0], 5);
  optimizer.dispose();
  tf.dispose(variables);
});
