/**
 * A small training, the same in every runtime.
 *
 * @module
 */
import {
  accuracy,
  adam,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  split,
  tf,
  withSeed,
} from "@trainchart/trainchart";
import { csvDataset, readCsv } from "@trainchart/trainchart/data";

/** Trains on a CSV file; returns the outcome and the weights. */
export async function train(callbacks, epochs = 4) {
  const table = await readCsv(new URL("points.csv", import.meta.url));
  const options = { data: ["x", "y"], labels: "above", labelType: "int32" };
  const [training, validation] = split(csvDataset(table, options), [0.8, 0.2], { seed: 1 });
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, inputShape: [2], activation: "relu" }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const learner = new Learner({
    model,
    optimizer: adam(0.02),
    lossFunction: crossEntropy,
    dataloaders: {
      train: new DataLoader({ dataset: training, batchSize: 8, shuffle: true }),
      validation: new DataLoader({ dataset: validation, batchSize: 8 }),
    },
    callbacks: [new Metrics({ accuracy }), ...callbacks],
    seed: 2,
  });
  const before = tf.memory().numTensors;
  const { status, metrics } = await learner.train({ epochs });
  const weights = model.getWeights().map((weight) => [...weight.dataSync()]);
  return { status, metrics, weights, left: tf.memory().numTensors - before };
}
