/**
 * The cost of checkpoints for the convolutional network of the MNIST example. Every other 10 batches begin
 * with a checkpoint, which is written while they are trained, and are compared with the 10 before and
 * the 10 after: whatever else slows the machine down slows down all of them. What they take longer
 * is then held against 100 batches.
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
import { median } from "./median.ts";
import { models } from "./models.ts";

const WINDOW = 10;
const PAIRS = 120;
const { batch: batchSize, build } = models.cnn;
const EXAMPLES = batchSize * 10 * WINDOW;

await selectBackend();
const dataset = new TensorDataset({
  data: {
    values: Float32Array.from({ length: EXAMPLES * 784 }, Math.random),
    shape: [EXAMPLES, 28, 28, 1],
  },
  labels: { values: Int32Array.from({ length: EXAMPLES }, (_, i) => i % 10), shape: [EXAMPLES] },
});
const folder = await Deno.makeTempDir();

/** Measures for how long the run waits; what is written afterwards shows in the windows only. */
class Timed extends Checkpoint {
  readonly waits: number[] = [];
  override async afterBatch(learner: Learner): Promise<void> {
    const start = performance.now();
    await super.afterBatch(learner);
    this.waits.push(performance.now() - start);
  }
}

const checkpoint = new Timed(folder, { every: { batches: 2 * WINDOW } });
const marks: number[] = [];
const learner = new Learner({
  model: build(),
  optimizer: adam(1e-3),
  lossFunction: (predictions, labels) => crossEntropy(predictions, labels),
  dataloaders: { train: new DataLoader({ dataset, batchSize, shuffle: true }) },
  callbacks: [
    {
      afterBatch: ({ batchIndex }) =>
        void ((batchIndex + 1) % WINDOW === 0 && marks.push(performance.now())),
    },
    checkpoint,
  ],
  seed: 42,
});
await learner.train({ epochs: PAIRS / 5 + 1 });
await Deno.remove(folder, { recursive: true });

const windows = marks.slice(1).map((mark, index) => mark - marks[index]);
const extras: number[] = [];
// The first ones warm up; every odd window begins with a checkpoint.
for (let at = 21; at + 1 < windows.length; at += 2) {
  extras.push(windows[at] - (windows[at - 1] + windows[at + 1]) / 2);
}
extras.sort((a, b) => a - b);
const hundred = (100 / WINDOW) * median(windows);
const percent = (extra: number) => `${(100 * extra / hundred).toFixed(1)} %`;
const waits = checkpoint.waits.filter((_, batch) => (batch + 1) % (2 * WINDOW) === 0);
console.log(
  `a checkpoint every 100 batches: ${percent(median(extras))} longer (median of ` +
    `${extras.length}; quartiles ${percent(extras[extras.length >> 2])} and ` +
    `${percent(extras[(extras.length * 3) >> 2])})`,
);
console.log(`in ${hundred.toFixed(0)} ms, the run waits for ${median(waits).toFixed(1)} ms`);
