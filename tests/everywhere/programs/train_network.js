/**
 * A training for bundles, of a multilayer perceptron: on WebAssembly, if its file is found.
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
  selectBackend,
  TensorDataset,
  tf,
  withSeed,
} from "@trainchart/trainchart";

/** Points of a square; the label says on which side of a line each is. */
function points() {
  const data = tf.randomUniform([256, 2], -1, 1, "float32", 1);
  const labels = tf.tidy(() => data.sum(1).greater(0).toInt());
  return new TensorDataset({ data, labels });
}

/** Trains; returns the backend, the reason and the outcome. */
export async function trainNetwork(options) {
  const { name, reason } = await selectBackend(options);
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 16, activation: "relu", inputShape: [2] }),
        tf.layers.dense({ units: 2 }),
      ],
    }));
  const learner = new Learner({
    model,
    optimizer: adam(0.05),
    lossFunction: crossEntropy,
    dataloaders: { train: new DataLoader({ dataset: points(), batchSize: 32, shuffle: true }) },
    callbacks: [new Metrics({ accuracy })],
    seed: 2,
  });
  const { status, metrics } = await learner.train({ epochs: 10 });
  const learned = metrics["train.accuracy"] > 0.95;
  const result = JSON.stringify({ name, status, learned, reason });
  if ("document" in globalThis) document.title = result;
  else if ("process" in globalThis) console.log(result);
  else postMessage(result);
}
