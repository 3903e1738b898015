/**
 * What checkpoints cost: an epoch of a small convolutional network on images of MNIST's size, with
 * a checkpoint every 100 batches and without, in turns.
 *
 * @module
 */
import {
  adam,
  Checkpoint,
  crossEntropy,
  DataLoader,
  Learner,
  selectBackend,
  TensorDataset,
  tf,
} from "../../mod.ts";

const EXAMPLES = 32 * 300;

await selectBackend();
const { layers } = tf;
const dataset = new TensorDataset({
  data: {
    values: Float32Array.from({ length: EXAMPLES * 784 }, Math.random),
    shape: [EXAMPLES, 28, 28, 1],
  },
  labels: { values: Int32Array.from({ length: EXAMPLES }, (_, i) => i % 10), shape: [EXAMPLES] },
});
const model = tf.sequential({
  layers: [
    layers.conv2d({ filters: 16, kernelSize: 3, activation: "relu", inputShape: [28, 28, 1] }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.conv2d({ filters: 32, kernelSize: 3, activation: "relu" }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
    layers.dense({ units: 64, activation: "relu" }),
    layers.dense({ units: 10 }),
  ],
});
const folder = await Deno.makeTempDir();
const optimizer = adam(1e-3);

async function epoch(checkpoints: boolean): Promise<number> {
  const every = { batches: 100 };
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: (predictions, labels) => crossEntropy(predictions, labels),
    dataloaders: { train: new DataLoader({ dataset, batchSize: 32, shuffle: true }) },
    callbacks: checkpoints ? [new Checkpoint(folder, { every })] : [],
    seed: 42,
  });
  const start = performance.now();
  await learner.train();
  return performance.now() - start;
}

await epoch(true);
const ratios: number[] = [];
for (let round = 0; round < 5; round++) {
  const without = await epoch(false);
  const [first, second] = [await epoch(true), await epoch(false)];
  ratios.push(first / ((without + second) / 2));
}
ratios.sort((a, b) => a - b);
console.log(
  `a checkpoint every 100 batches: ${((ratios[2] - 1) * 100).toFixed(1)} % longer ` +
    `(median of 5; ${ratios.map((ratio) => ratio.toFixed(3)).join(", ")})`,
);
await Deno.remove(folder, { recursive: true });
