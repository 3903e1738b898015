import { assertEquals, assertLess } from "@std/assert";
import { adam, crossEntropy, selectBackend, tf } from "../../mod.ts";

/** Trains a small network for some steps; returns the losses. */
async function train(prefer: "webgpu" | "cpu"): Promise<Float32Array> {
  await selectBackend({ prefer, quiet: true });
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 4, kernelSize: 3, activation: "relu" }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 5, activation: "relu" }),
      tf.layers.dense({ units: 3 }),
    ],
  });
  const values = (size: number, offset: number) =>
    Array.from({ length: size }, (_, i) => Math.cos(offset + i * 1.3) * 0.4);
  const fixed = model.getWeights().map(({ shape, size }, i) => tf.tensor(values(size, i), shape));
  model.setWeights(fixed);
  const x = tf.tensor(values(8 * 72, 1), [8, 6, 6, 2]);
  const y = tf.tensor1d([0, 1, 2, 0, 1, 2, 0, 1], "int32");
  const optimizer = adam(1e-2);
  const losses: tf.Tensor[] = [];
  for (let i = 0; i < 10; i++) {
    const loss = () => crossEntropy(model.apply(x, { training: true }) as tf.Tensor, y);
    losses.push(optimizer.minimize(loss, true)!);
  }
  const numbers = await tf.stack(losses).data() as Float32Array;
  [model, optimizer, x, y, ...losses, ...fixed].forEach((owner) => owner.dispose());
  return numbers;
}

const { gpu } = navigator as { gpu?: GPU };
const adapter = await gpu?.requestAdapter();

Deno.test("webgpu trains as cpu does, also on a software adapter", {
  ignore: !adapter,
  // The device lives as long as the backend.
  sanitizeResources: false,
  sanitizeOps: false,
}, async () => {
  const [actual, expected] = [await train("webgpu"), await train("cpu")];
  assertEquals(actual.length, expected.length);
  actual.forEach((loss, i) => assertLess(Math.abs(loss - expected[i]), 1e-4));
  assertLess(actual.at(-1)!, actual[0]);
});
