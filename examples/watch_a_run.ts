/**
 * Trains a small network to separate two spirals, and serves a page to watch and steer the run:
 * `deno task watch`.
 *
 * @module
 */
import {
  accuracy,
  adam,
  crossEntropy,
  DataLoader,
  Learner,
  LearningRateSchedule,
  Metrics,
  selectBackend,
  TensorDataset,
  tf,
  withSeed,
} from "../mod.ts";
import { schedules } from "../callbacks.ts";
import { keyedRandom } from "../data.ts";
import { LivePage } from "../live.ts";

/** Points on two spirals, labelled with the index of their spiral. */
function spirals(count: number, seed: number): TensorDataset {
  const random = keyedRandom(seed);
  const points = new Float32Array(2 * count);
  const classes = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    const side = index % 2;
    const angle = 3 * Math.PI * Math.sqrt(random());
    const radius = angle / (3 * Math.PI) + 0.03 * (random() - 0.5);
    points[2 * index] = radius * Math.cos(angle + side * Math.PI);
    points[2 * index + 1] = radius * Math.sin(angle + side * Math.PI);
    classes[index] = side;
  }
  return new TensorDataset({
    data: { values: points, shape: [count, 2] },
    labels: { values: classes, shape: [count] },
  });
}

/** Trains for some epochs, and shows the run on a page. Returns the test accuracy. */
export async function watchARun(epochs: number, page: LivePage): Promise<number> {
  await selectBackend();
  const learner = new Learner({
    model: withSeed(1, () =>
      tf.sequential({
        layers: [
          tf.layers.dense({ units: 64, activation: "relu", inputShape: [2] }),
          tf.layers.dense({ units: 64, activation: "relu" }),
          tf.layers.dense({ units: 2 }),
        ],
      })),
    optimizer: adam(0.01),
    lossFunction: crossEntropy,
    dataloaders: {
      train: new DataLoader({ dataset: spirals(20_000, 1), batchSize: 32, shuffle: true }),
      validation: new DataLoader({ dataset: spirals(2000, 2), batchSize: 500 }),
      test: new DataLoader({ dataset: spirals(2000, 3), batchSize: 500 }),
    },
    callbacks: [
      new Metrics({ accuracy }),
      new LearningRateSchedule(schedules.oneCycle(0.01)),
      page,
    ],
    seed: 1,
  });
  const { metrics } = await learner.train({ epochs });
  return metrics["test.accuracy"];
}

if (import.meta.main) {
  const page = new LivePage({ title: "Two spirals", port: 8040, stay: 60 });
  console.log(`accuracy: ${(await watchARun(40, page)).toFixed(4)}`);
}
