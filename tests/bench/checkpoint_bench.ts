/**
 * What checkpoints cost: the convolutional network of the MNIST example. Every other 100
 * batches begin with a checkpoint, which is written while they are trained, and are compared with the
 * 100 before and the 100 after: whatever else slows the machine down slows down all of them.
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
} from "../../mod.ts";
import { models } from "./models.ts";

const WINDOW = 100;
const PAIRS = 12;
const { batch: batchSize, build } = models.cnn;
const EXAMPLES = batchSize * WINDOW;

await selectBackend();
const dataset = new TensorDataset({
  data: {
    values: Float32Array.from({ length: EXAMPLES * 784 }, Math.random),
    shape: [EXAMPLES, 28, 28, 1],
  },
  labels: { values: Int32Array.from({ length: EXAMPLES }, (_, i) => i % 10), shape: [EXAMPLES] },
});
const folder = await Deno.makeTempDir();
const marks: number[] = [];
const learner = new Learner({
  model: build(),
  optimizer: adam(1e-3),
  lossFunction: (predictions, labels) => crossEntropy(predictions, labels),
  dataloaders: { train: new DataLoader({ dataset, batchSize, shuffle: true }) },
  callbacks: [
    {
      afterBatch: ({ batchIndex }) =>
        void (batchIndex === WINDOW - 1 && marks.push(performance.now())),
    },
    new Checkpoint(folder, { every: { batches: 2 * WINDOW } }),
  ],
  seed: 42,
});
await learner.train({ epochs: 2 * PAIRS + 3 });
await Deno.remove(folder, { recursive: true });

const windows = marks.slice(1).map((mark, index) => mark - marks[index]);
const ratios: number[] = [];
// The first pair warms up; every odd window begins with a checkpoint.
for (let at = 3; at + 1 < windows.length; at += 2) {
  ratios.push(windows[at] / ((windows[at - 1] + windows[at + 1]) / 2));
}
ratios.sort((a, b) => a - b);
const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(1)} %`;
const [low, middle, high] = [1, 2, 3].map((quarter) =>
  ratios[Math.floor((ratios.length * quarter) / 4)]
);
console.log(
  `a checkpoint every ${WINDOW} batches: ${percent(middle)} longer ` +
    `(median of ${ratios.length}; quartiles ${percent(low)} and ${percent(high)})`,
);
