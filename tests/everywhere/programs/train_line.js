/**
 * A training for bundles: on WebAssembly, if its file is found.
 *
 * @module
 */
import {
  adam,
  Learner,
  meanSquaredError,
  selectBackend,
  tf,
  withSeed,
} from "@trainchart/trainchart";

/** Trains a line; returns the backend, the reason and the outcome. */
export async function trainLine(options) {
  const { name, reason } = await selectBackend(options);
  const model = withSeed(
    1,
    () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
  );
  const learner = new Learner({
    model,
    optimizer: adam(0.1),
    lossFunction: meanSquaredError,
    dataloaders: { train: [[tf.tensor2d([[0], [1], [2]]), tf.tensor2d([[1], [3], [5]])]] },
  });
  const { status } = await learner.train({ epochs: 300 });
  const result = JSON.stringify({ name, status, learned: learner.trainLoss < 0.1, reason });
  if ("document" in globalThis) document.title = result;
  else if ("process" in globalThis) console.log(result);
  else postMessage(result);
}
