/**
 * Everything beside predict, loss, gradients and update is a callback. This one turns the learning
 * rate down when the validation loss gets no better, and ends the training when that no longer helps.
 *
 *     deno run --allow-env examples/write_a_callback.ts
 */
import { Callback, CancelTrain, Learner, meanSquaredError, sgd, tf, withSeed } from "../mod.ts";

class TurnDown extends Callback {
  /** After those of priority 0, which may still change what was measured. */
  override priority = 10;
  #best = Infinity;
  #turns = 0;

  override beforeTrain() {
    this.#best = Infinity;
    this.#turns = 0;
  }

  // An after hook always runs, whatever happened; `cancelled` would tell if it was cut short.
  override afterValidate(learner: Learner) {
    const { validationLoss, epoch } = learner;
    const better = validationLoss < 0.98 * this.#best;
    this.#best = Math.min(this.#best, validationLoss);
    if (better) return;
    if (++this.#turns > 3) throw new CancelTrain("turning down no longer helps");
    learner.learningRate /= 4;
    const rate = learner.learningRate.toExponential(1);
    console.log(`epoch ${epoch}: loss ${validationLoss.toFixed(4)}, learning rate now ${rate}`);
  }
}

/** Points of a noisy sine, new ones in each epoch. */
function* points(batches: number) {
  for (let batch = 0; batch < batches; batch++) {
    const data = tf.randomUniform([32, 1], -3, 3);
    const labels = tf.tidy(() => data.sin().add(tf.randomNormal([32, 1], 0, 0.1)));
    yield { data, labels };
  }
}

const model = withSeed(1, () =>
  tf.sequential({
    layers: [
      tf.layers.dense({ units: 16, inputShape: [1], activation: "tanh" }),
      tf.layers.dense({ units: 1 }),
    ],
  }));
const learner = new Learner({
  model,
  optimizer: sgd(0.1, { momentum: 0.9 }),
  lossFunction: meanSquaredError,
  dataloaders: { train: () => points(20), validation: () => points(20) },
  callbacks: [
    new TurnDown(),
    // A plain object will do, too.
    { afterTrain: ({ epoch }) => console.log(`trained for ${epoch} epochs`) },
  ],
});
const { status, reason, validationLoss } = await learner.train({ epochs: 100 });
console.log(`${status} (${reason}), validation loss ${validationLoss.toFixed(4)}`);
