import { assertEquals } from "@std/assert";
import {
  adam,
  DataLoader,
  EarlyStopping,
  Learner,
  LearningRateSchedule,
  meanSquaredError,
  Metrics,
  Recorder,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";
import { meanAbsoluteError } from "../../metrics.ts";
import { schedules, Timer, WeightAverage } from "../../callbacks.ts";

/** A checkpoint of version 0.1.0 on the cpu backend, after batch 3 of epoch 2 of 4. */
const CHECKPOINT = new URL("fixtures/version_0_1.safetensors", import.meta.url);

/** Final weights of an uninterrupted run of version 0.1.0. */
const EXPECTED = {
  trainLoss: 0.4077096462249756,
  validationLoss: 0.3785346448421478,
  hidden: [
    ...[-0.3159053921699524, -0.6249252557754517, 0.24698492884635925, 0.02520144172012806],
    ...[-0.44780510663986206, -0.11704260855913162, -0.8841995596885681, 0.4218718409538269],
    ...[0.4026716351509094, -0.35421451926231384, 0.3075474202632904, 0.16150259971618652],
  ],
  output: [-0.01937188394367695, -0.4967172145843506, -0.32212957739830017, -0.8557634949684143],
};

function numbers(length: number, step: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => (index * step % 17) / 8 - 1);
}

function loaderOf(length: number, shuffle = false) {
  const data = { values: numbers(length * 3, 5), shape: [length, 3] };
  const labels = { values: numbers(length, 3), shape: [length, 1] };
  return new DataLoader({ dataset: new TensorDataset({ data, labels }), batchSize: 4, shuffle });
}

Deno.test("Learner.train({ from }) resumes a checkpoint of version 0.1.0 bit for bit", {
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  await tf.setBackend("cpu");
  const before = tf.memory().numTensors;
  const model = withSeed(8, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, activation: "relu", inputShape: [3], name: "hidden" }),
        tf.layers.dropout({ rate: 0.2, name: "dropout" }),
        tf.layers.dense({ units: 1, name: "output" }),
      ],
    }));
  const optimizer = adam(0.01);
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: meanSquaredError,
    seed: 42,
    dataloaders: { train: loaderOf(20, true), validation: loaderOf(8) },
    callbacks: [
      new Metrics({ meanAbsoluteError }),
      new Recorder(),
      new Timer(),
      new LearningRateSchedule(schedules.cosine(0.02)),
      new EarlyStopping({ patience: 5, restoreBest: true }),
      new WeightAverage({ decay: 0.9, startEpoch: 0 }),
    ],
  });
  const result = await learner.train({ from: CHECKPOINT });
  const { trainLoss, validationLoss, ...expected } = EXPECTED;
  assertEquals([result.trainLoss, result.validationLoss], [trainLoss, validationLoss]);
  for (const [name, weights] of Object.entries(expected)) {
    assertEquals([...model.getLayer(name).getWeights()[0].dataSync()], weights);
  }
  model.dispose();
  optimizer.dispose();
  assertEquals(tf.memory().numTensors, before);
});
