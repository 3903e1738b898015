import { type Batch, type CallbackLike, crossEntropy, Learner, sgd, tf, withSeed } from "../mod.ts";

/** The number of batches of each loader of {@linkcode tinyLearner}. */
export const BATCHES = { train: 4, validation: 2, test: 1 };

/** A Learner of three classes, small enough that a run takes milliseconds. */
export function tinyLearner(callbacks: CallbackLike[]): Learner {
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, inputShape: [2], activation: "relu", name: "hidden" }),
        tf.layers.dense({ units: 3, name: "logits" }),
      ],
    }));
  const loader = (batches: number) =>
    function* (): Generator<Batch> {
      for (let batch = 0; batch < batches; batch++) {
        const labels = tf.tensor1d([0, 1, 2, batch % 3], "int32");
        const data = tf.tidy(() => tf.oneHot(labels, 3).slice([0, 0], [-1, 2]).toFloat());
        yield { data, labels };
      }
    };
  return new Learner({
    model,
    optimizer: sgd(0.1, { momentum: 0.9 }),
    lossFunction: crossEntropy,
    dataloaders: {
      train: loader(BATCHES.train),
      validation: loader(BATCHES.validation),
      test: loader(BATCHES.test),
    },
    callbacks,
    seed: 1,
  });
}

/** Disposes what a Learner of {@linkcode tinyLearner} holds. */
export function disposeLearner({ model, optimizer }: Learner): void {
  (model as tf.LayersModel).dispose();
  optimizer.dispose();
}
