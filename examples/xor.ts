/**
 * A network learns the exclusive or, which no straight line can separate, and draws what it thinks
 * of the whole plane. The training stops by itself once it is sure.
 *
 *     deno run --allow-env examples/xor.ts
 */
import { adam, binaryCrossEntropy, CancelTrain, Learner, tf, withSeed } from "../mod.ts";

const model = withSeed(3, () =>
  tf.sequential({
    layers: [
      tf.layers.dense({ units: 8, inputShape: [2], activation: "tanh" }),
      tf.layers.dense({ units: 1 }), // a logit: binaryCrossEntropy wants no sigmoid before it
    ],
  }));
const data = tf.tensor2d([[0, 0], [0, 1], [1, 0], [1, 1]]);
const labels = tf.tensor2d([[0], [1], [1], [0]]);

const learner = new Learner({
  model,
  optimizer: adam(0.1),
  lossFunction: binaryCrossEntropy,
  dataloaders: { train: [[data, labels]] },
  callbacks: [{
    afterEpoch({ trainLoss }) {
      if (trainLoss < 0.01) throw new CancelTrain("sure enough");
    },
  }],
});
const { epochs, trainLoss, reason } = await learner.train({ epochs: 500 });
console.log(`loss ${trainLoss.toFixed(4)} after ${epochs} epochs: ${reason ?? "out of epochs"}`);

const side = Array.from({ length: 17 }, (_, index) => index / 8 - 0.5);
const plane = tf.tensor2d(side.flatMap((b) => side.map((a) => [a, b])));
const logits = await learner.predict(plane);
const values = logits.dataSync();
side.forEach((_, row) => {
  const line = side.map((_, column) => values[row * side.length + column] > 0 ? "##" : "..");
  console.log(line.join(""));
});
const corners = await learner.predict(data);
const answers = [...corners.dataSync()].map((logit) => logit > 0 ? 1 : 0);
console.log(`0^0=${answers[0]} 0^1=${answers[1]} 1^0=${answers[2]} 1^1=${answers[3]}`);
