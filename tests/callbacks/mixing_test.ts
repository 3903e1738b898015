import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { type CallbackLike, crossEntropy, Learner, sgd, tf } from "../../mod.ts";
import { CutMix, MixUp, TransformBatch } from "../../callbacks.ts";
import { keyedRandom } from "../../data.ts";
import { drawBeta } from "../../src/callbacks/support/mix_examples.ts";
import { tinyLearner, type TinyOptions } from "../fixtures/tiny_learner.ts";

/** Data, predictions and loss of each batch of training. */
async function seen(callback: CallbackLike, options: TinyOptions = {}, epochs = 2) {
  const batches: { data: number[]; loss: number; predictions: number[] }[] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [callback, {
      afterBackward({ data, loss, predictions }) {
        batches.push({
          data: [...data.dataSync()],
          loss: loss.dataSync()[0],
          predictions: [...predictions.dataSync()],
        });
      },
    }],
    ...options,
  });
  const result = await learner.train({ epochs });
  dispose();
  return { batches, result };
}

Deno.test("drawBeta() has the mean and the variance of the distribution", () => {
  const random = keyedRandom(1);
  for (const alpha of [0.1, 0.4, 1, 3]) {
    const draws = Array.from({ length: 20_000 }, () => drawBeta(alpha, random));
    const mean = draws.reduce((sum, x) => sum + x) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    assertAlmostEquals(mean, 0.5, 0.01);
    assertAlmostEquals(variance, 1 / (4 * (2 * alpha + 1)), 0.004);
    assert(draws.every((x) => x >= 0 && x <= 1));
  }
});

Deno.test("MixUp blends each example, and the loss by the same share", async () => {
  const { batches } = await seen(new MixUp({ alpha: 1 }));
  let mixed = 0;
  batches.forEach(({ data, loss, predictions }, index) => {
    const own = [0, 1].map((k) => (2 * (index % 4) + k) / 8);
    const labels = own.map((x) => 2 * x + Math.sin(9 * x));
    const other = [own[1], own[0]];
    // With a partner of its own, an example stays as it is.
    const changed = Math.abs(data[0] - own[0]) > 1e-6;
    const share = changed ? (data[0] - other[0]) / (own[0] - other[0]) : 1;
    if (changed) mixed++;
    own.forEach((x, k) => assertAlmostEquals(data[k], share * x + (1 - share) * other[k], 1e-6));
    const error = (to: number[]) =>
      predictions.reduce((sum, p, k) => sum + (p - to[k]) ** 2, 0) / 2;
    const expected = share * error(labels) + (1 - share) * error([labels[1], labels[0]]);
    assertAlmostEquals(loss, expected, 1e-5);
  });
  assert(mixed > 1, "nothing was mixed");
});

Deno.test("MixUp gives the loss of mixed one-hot labels, from class numbers", async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [3] })] });
  const x = tf.eye(3), y = tf.tensor1d([0, 1, 2], "int32");
  const learner = new Learner({
    model,
    optimizer: sgd(0),
    lossFunction: crossEntropy,
    dataloaders: { train: [[x, y]] },
    seed: 3,
    callbacks: [new MixUp({ alpha: 2 }), {
      afterBackward({ data, predictions, loss }) {
        // The data are the mixed one-hot labels themselves.
        const expected = tf.tidy(() => crossEntropy(predictions, data).dataSync()[0]);
        assertAlmostEquals(loss.dataSync()[0], expected, 1e-5);
      },
    }],
  });
  await learner.train({ epochs: 5 });
  model.dispose();
  tf.dispose([x, y]);
});

Deno.test("CutMix pastes one box, and mixes the loss by its area", async () => {
  const { batches } = await seen(new CutMix(), { kind: "images" }, 5);
  let mixed = 0;
  batches.forEach(({ data, loss, predictions }, index) => {
    const own = [0, 1].map((k) => Math.fround((2 * (index % 4) + k) / 8));
    const labels = own.map((x) => 2 * x + Math.sin(9 * x));
    const images = [data.slice(0, 16), data.slice(16)];
    const pasted = images[0].map((x) => x === own[1]);
    images.forEach((image, k) =>
      image.forEach((x, at) => assertEquals(x, pasted[at] ? own[1 - k] : own[k]))
    );
    const area = pasted.filter(Boolean).length;
    const rows = new Set(pasted.flatMap((is, at) => is ? [at >> 2] : []));
    const columns = new Set(pasted.flatMap((is, at) => is ? [at & 3] : []));
    assertEquals(area, rows.size * columns.size, "not a box");
    if (area === 0) return;
    mixed++;
    const error = (to: number[]) =>
      predictions.reduce((sum, p, k) => sum + (p - to[k]) ** 2, 0) / 2;
    const expected = (1 - area / 16) * error(labels) + area / 16 * error([labels[1], labels[0]]);
    assertAlmostEquals(loss, expected, 1e-5);
  });
  assert(mixed > 1, "nothing was pasted");
});

Deno.test("CutMix refuses data that are not images", async () => {
  const { learner, dispose } = tinyLearner({ callbacks: [new CutMix()] });
  await assertRejects(() => learner.train(), TypeError, "current shape is [2,1]");
  dispose();
});

const noise = () =>
  new TransformBatch(({ data }) => ({ data: tf.add(data, tf.randomUniform(data.shape)) }));

for (
  const [name, make, options] of [
    ["MixUp", () => new MixUp({ alpha: 1 }), {}],
    ["CutMix", () => new CutMix(), { kind: "images" }],
    ["TransformBatch", noise, {}],
  ] as const
) {
  Deno.test(`${name} draws by seed, epoch and batch, and in training only`, async () => {
    const first = await seen(make(), options);
    assertEquals(await seen(make(), options), first);
    assertNotEquals((await seen(make(), { ...options, seed: 8 })).batches[0], first.batches[0]);
    const plain = await seen({}, { ...options, optimizer: sgd(0) });
    const changed = await seen(make(), { ...options, optimizer: sgd(0) });
    assertEquals(changed.result.validationLoss, plain.result.validationLoss);
    assertEquals(changed.result.testLoss, plain.result.testLoss);
    assertNotEquals(changed.batches, plain.batches);
    const unseeded = await seen(make(), { ...options, seed: undefined });
    assertEquals(unseeded.result.status, "completed");
  });
}

Deno.test("TransformBatch changes data and labels in the given phases", async () => {
  const sums: Record<string, number> = {};
  const note = (learner: Learner) => {
    sums[learner.phase] = tf.tidy(() =>
      tf.add(learner.data.sum(), learner.labels.sum()).dataSync()[0]
    );
  };
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new TransformBatch(({ data, labels }) => ({
        data: tf.zerosLike(data),
        labels: tf.onesLike(labels),
      }), { phases: ["validation", "test"] }),
      { beforeBatch: note, beforeValidationBatch: note, beforeTestBatch: note },
    ],
  });
  await learner.train();
  assertEquals([sums.validate, sums.test], [2, 2]);
  assertNotEquals(sums.train, 2);
  dispose();
});

Deno.test("TransformBatch refuses an unknown phase", () => {
  assertThrows(
    () => new TransformBatch(() => ({}), { phases: ["valid"] as never }),
    TypeError,
    'each phase must be one of train, validation, test, predict: current value is "valid"',
  );
});

Deno.test("TransformBatch refuses a promise", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [new TransformBatch((async () => {}) as never)],
  });
  await assertRejects(() => learner.train(), TypeError, "transform must be synchronous");
  dispose();
});
