/**
 * Every layer of TensorFlow.js that draws random numbers draws the same ones in a resumed run.
 *
 * @module
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import {
  adam,
  type CallbackLike,
  Learner,
  meanSquaredError,
  type RunCheckpoint,
  tf,
  withSeed,
} from "../../mod.ts";

const { layers } = tf;

const DRAWING: Record<string, () => tf.layers.Layer> = {
  dropout: () => layers.dropout({ rate: 0.5 }),
  "dropout with a noise shape": () => layers.dropout({ rate: 0.5, noiseShape: [4, 1, 3] }),
  spatialDropout1d: () => layers.spatialDropout1d({ rate: 0.5 }),
  gaussianNoise: () => layers.gaussianNoise({ stddev: 1 }),
  gaussianDropout: () => layers.gaussianDropout({ rate: 0.5 }),
  alphaDropout: () => layers.alphaDropout({ rate: 0.5 }),
  simpleRNN: () =>
    layers.simpleRNN({ units: 3, dropout: 0.5, recurrentDropout: 0.5, returnSequences: true }),
  gru: () => layers.gru({ units: 3, dropout: 0.5, recurrentDropout: 0.5, returnSequences: true }),
  lstm: () => layers.lstm({ units: 3, dropout: 0.5, recurrentDropout: 0.5, returnSequences: true }),
};

async function lossesOf(
  make: () => tf.layers.Layer,
  callback: CallbackLike,
  options: { from?: RunCheckpoint; epochs?: number },
): Promise<number[]> {
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [layers.inputLayer({ inputShape: [5, 3] }), make(), layers.dense({ units: 1 })],
    }));
  const optimizer = adam(0.1);
  const losses: number[] = [];
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: (predictions, labels) => meanSquaredError(predictions, labels),
    dataloaders: {
      train: function* () {
        for (let batch = 0; batch < 3; batch++) {
          yield [tf.ones([4, 5, 3]), tf.zeros([4, 5, 1])] as [tf.Tensor, tf.Tensor];
        }
      },
    },
    callbacks: [{ afterBatch: ({ loss }) => void losses.push(loss.dataSync()[0]) }, callback],
    seed: 5,
  });
  await learner.train(options);
  // A recurrent layer keeps the masks of its last step.
  for (
    const { cell } of model.layers as unknown as { cell?: Record<string, tf.TensorContainer> }[]
  ) {
    tf.dispose([cell?.dropoutMask ?? [], cell?.recurrentDropoutMask ?? []]);
  }
  model.dispose();
  optimizer.dispose();
  return losses;
}

for (const [name, make] of Object.entries(DRAWING)) {
  Deno.test(`${name} draws depend only on seed, epoch and batch`, async () => {
    const { numTensors } = tf.memory();
    let from: RunCheckpoint | undefined;
    const whole = await lossesOf(make, {
      async afterBatch(learner) {
        if (learner.epoch === 0 && learner.batchIndex === 1) from = await learner.checkpoint();
      },
    }, { epochs: 2 });
    for (let draws = Math.ceil(Math.random() * 9); draws > 0; draws--) Math.random();
    assertEquals(await lossesOf(make, {}, { from }), whole.slice(2));
    const reseed: CallbackLike = { beforeBatch: (learner) => void (learner.seed = 6) };
    assertNotEquals((await lossesOf(make, reseed, {}))[0], whole[0], "it draws");
    assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
  });
}
