/**
 * Laws of callbacks that meet: in one list, in one batch, in data that is read apart from the run.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { type CallbackLike, CancelTrain, meanSquaredError, sgd, tf } from "../../mod.ts";
import {
  CutMix,
  EarlyStopping,
  Freeze,
  LearningRateFinder,
  LearningRateSchedule,
  LimitBatches,
  MaxSteps,
  MaxTime,
  MixUp,
  OverfitOneBatch,
  ReduceOnPlateau,
  SanityCheck,
  schedules,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { assertNoTensorsLeft, testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { type AnyLearner, numbersOf, tinyLearner, weight } from "../fixtures/tiny_learner.ts";

const { constant, polynomial } = schedules;

/** All fields of a Learner that callbacks change for one run. */
const settingsOf = (
  { learningRate, optimizer, limits, dataloaders, batchesPerUpdate }: AnyLearner,
) => ({
  learningRate,
  optimizer,
  limits,
  dataloaders,
  batchesPerUpdate,
});

const SETTING_UP: Record<string, () => CallbackLike[]> = {
  "two LimitBatches": () => [
    new LimitBatches({ train: 3, validation: 2 }),
    new LimitBatches({ train: 2, validation: 1, test: 1 }),
  ],
  "two OverfitOneBatch": () => [new OverfitOneBatch(), new OverfitOneBatch({ stepsPerEpoch: 2 })],
  "OverfitOneBatch and LearningRateFinder": () => [
    new OverfitOneBatch({ stepsPerEpoch: 3 }),
    new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 }),
  ],
  "LearningRateFinder and OverfitOneBatch": () => [
    new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 }),
    new OverfitOneBatch({ stepsPerEpoch: 3 }),
  ],
  "LimitBatches and OverfitOneBatch": () => [
    new LimitBatches({ train: 0.5 }),
    new OverfitOneBatch({ stepsPerEpoch: 5 }),
  ],
  "LearningRateSchedule and LimitBatches": () => [
    new LearningRateSchedule(polynomial(0.1, 0)),
    new LimitBatches({ train: 2 }),
  ],
};

for (const [name, make] of Object.entries(SETTING_UP)) {
  for (const end of ["the end", "a cancel", "an error", "a failed start"] as const) {
    testTensors(`${name} leave the Learner as it was after ${end}`, async () => {
      const act: CallbackLike = {
        priority: end === "a failed start" ? -1e3 : 0,
        [end === "a failed start" ? "beforeTrain" : "beforeBatch"]({ batchIndex }: AnyLearner) {
          if (end === "a failed start") throw new Error("a test");
          if (batchIndex !== 1) return;
          if (end === "a cancel") throw new CancelTrain("a test");
          if (end === "an error") throw new Error("a test");
        },
      };
      const { learner, dispose } = tinyLearner({ callbacks: [act, ...make()] });
      learner.limits = { train: 4 };
      const before = settingsOf(learner);
      const { limits, dataloaders } = before;
      const contents = [{ ...limits }, { ...dataloaders }];
      await learner.train({ epochs: 2 }).catch(() => {});
      assertEquals(settingsOf(learner), before);
      assert(learner.limits === limits && learner.dataloaders === dataloaders);
      assertEquals([{ ...limits }, { ...dataloaders }], contents);
      dispose();
    });
  }
}

testTensors("two Freeze that overlap keep a weight frozen until both have thawed it", async () => {
  const history: boolean[][] = [];
  const { learner, model, dispose } = tinyLearner({
    layers: () =>
      ["block1", "block2", "head"].map((name) =>
        tf.layers.dense({ name, units: 1, inputShape: [1], kernelInitializer: "ones" })
      ),
    callbacks: [
      new Freeze(/^block/, { until: 1 }),
      new Freeze("block1", { until: 3 }),
      {
        afterEpoch: () =>
          void history.push(model.layers.map((layer) => layer.getWeights()[0].dataSync()[0] === 1)),
      },
    ],
  });
  await learner.train({ epochs: 4 });
  assertEquals(history.map(([block1]) => block1), [true, true, true, false]);
  assertEquals(history.map(([, block2]) => block2), [true, false, false, false]);
  assert(model.weights.every((weight) => (weight.read() as tf.Variable).trainable));
  dispose();
});

testTensors("two WeightAverage train as without them, and the last average stays", async () => {
  const run = async (callbacks: CallbackLike[]) => {
    const trained: number[][] = [];
    const { learner, model, dispose } = tinyLearner({
      callbacks: [...callbacks, { beforeBatch: () => void trained.push(numbersOf(model)) }],
    });
    await learner.train({ epochs: 3 });
    const weights = numbersOf(model);
    dispose();
    return { trained, weights };
  };
  const ema = () => new WeightAverage({ decay: 0.5 });
  const swa = () => new WeightAverage({ method: "swa", startEpoch: 0 });
  const plain = await run([]);
  for (const [make, last] of [[[ema, swa], swa], [[swa, ema], ema], [[ema, ema], ema]] as const) {
    const both = await run(make.map((make) => make()));
    assertEquals(both.trained, plain.trained, "training continued from an average");
    assertEquals(both.weights, (await run([last()])).weights);
  }
});

for (const validation of [false, true]) {
  const monitor = validation ? "validation.loss" : "train.loss";
  for (const method of ["ema", "swa"] as const) {
    const allowed = validation && method === "ema";
    const does = allowed ? "is accepted" : "is refused before the first batch";
    testTensors(
      `EarlyStopping({ restoreBest }) of ${monitor} with an average by ${method} ${does}`,
      async () => {
        const { learner, dispose } = tinyLearner({
          callbacks: [
            new EarlyStopping({ monitor, restoreBest: true }),
            new WeightAverage({ method }),
          ],
        });
        if (allowed) await learner.train({ epochs: 2 });
        else {
          await assertRejects(() => learner.train(), TypeError, "leaves its average in the model");
          assertEquals(learner.batchIndex, -1);
        }
        dispose();
      },
    );
  }
}

const RATES: Record<string, () => CallbackLike> = {
  LearningRateSchedule: () => new LearningRateSchedule(constant(0.1)),
  ReduceOnPlateau: () => new ReduceOnPlateau(),
  LearningRateFinder: () => new LearningRateFinder({ steps: 10 }),
};

for (const [first, makeFirst] of Object.entries(RATES)) {
  for (const [second, makeSecond] of Object.entries(RATES)) {
    testTensors(`${first} with ${second} is refused before the run`, async () => {
      let began = false;
      const { learner, dispose } = tinyLearner({
        callbacks: [makeFirst(), makeSecond(), { beforeTrain: () => void (began = true) }],
      });
      await assertRejects(
        () => learner.train(),
        TypeError,
        `Cannot train: ${first} and ${second} both decide the learning rate. Keep one of them.`,
      );
      assertEquals(began, false);
      await learner.validate();
      dispose();
    });
  }
}

testTensors(
  "a callback that decides the learning rate, too, is refused when it is added late",
  async () => {
    const { learner, dispose } = tinyLearner({
      callbacks: [new ReduceOnPlateau(), {
        beforeEpoch: ({ callbacks }) => void callbacks.push(new LearningRateSchedule(constant(1))),
      }],
    });
    await assertRejects(() => learner.train(), TypeError, "both decide the learning rate");
    assertAlmostEquals(learner.learningRate, 0.05);
    dispose();
  },
);

/** Callbacks that are added in a hook, and what must be as if they had been there. */
const LATE: Record<string, () => CallbackLike> = {
  LearningRateSchedule: () => new LearningRateSchedule(polynomial(0.1, 0)),
  "LearningRateSchedule by epoch": () =>
    new LearningRateSchedule(polynomial(0.1, 0), { by: "epoch" }),
  ReduceOnPlateau: () => new ReduceOnPlateau({ monitor: "train.loss", patience: 1, minDelta: 99 }),
  LimitBatches: () => new LimitBatches({ train: 2, validation: 1 }),
  Freeze: () => new Freeze(/bias/, { until: 2 }),
  WeightAverage: () => new WeightAverage({ method: "swa", startEpoch: 0 }),
  MaxSteps: () => new MaxSteps(9),
  EarlyStopping: () =>
    new EarlyStopping({ monitor: "train.loss", patience: 1, minDelta: 99, restoreBest: true }),
};

for (const [name, make] of Object.entries(LATE)) {
  testTensors(`${name} added in beforeTrain of another acts as if it had been there`, async () => {
    const run = async (late: boolean) => {
      const added = make();
      const rates: number[] = [];
      const { learner, model, dispose } = tinyLearner({
        callbacks: [
          {
            name: "Adding",
            priority: -1e3,
            beforeTrain: ({ callbacks }) => void (late && callbacks.push(added)),
          },
          { priority: 900, afterBatch: ({ learningRate }) => void rates.push(learningRate) },
          ...late ? [] : [added],
        ],
      });
      const before = settingsOf(learner);
      const { status, reason, metrics } = await learner.train({ epochs: 4 });
      assertEquals(settingsOf(learner), before);
      const weights = numbersOf(model);
      dispose();
      return { status, reason, metrics, weights, rates };
    };
    assertEquals(await run(true), await run(false));
  });
}

testTensors("MaxTime added in a later epoch ends the training", async () => {
  let now = 0;
  const late = new MaxTime(5, { now: () => now });
  const { learner, dispose } = tinyLearner({
    callbacks: [{
      beforeEpoch: ({ epoch, callbacks }) => void (epoch === 1 && callbacks.push(late)),
      afterBatch: () => void (now += 1000),
    }],
  });
  const { reason } = await learner.train({ epochs: 9 });
  assertEquals([reason, now], ["MaxTime: 5 s have passed", 9000]);
  dispose();
});

/** A batch of one number, in data and labels. */
const batchOf = (value: number) =>
  [tf.fill([4, 1], value), tf.ones([4, 1])] as [tf.Tensor, tf.Tensor];

testTensors(
  "statistics of an average are those of transformed data within the limits",
  async () => {
    let read = 0;
    function* endless() {
      while (true) {
        if (++read > 100) throw new Error("an endless loader was read to its end");
        yield batchOf(255 * (1 + (read - 1) % 3));
      }
    }
    const { learner, model, dispose } = tinyLearner({
      layers: () => [
        tf.layers.batchNormalization({ inputShape: [1] }),
        tf.layers.dense({ units: 1 }),
      ],
      dataloaders: { train: endless },
      callbacks: [
        new LimitBatches({ train: 3 }),
        new WeightAverage({ method: "swa", startEpoch: 0 }),
        new TransformBatch(({ data }) => ({ data: tf.div(data, 255) })),
      ],
    });
    await learner.train({ epochs: 4 });
    // Of 1, 2 and 3, in epochs of 3 batches.
    assertAlmostEquals(model.layers[0].getWeights()[2].dataSync()[0], 2, 1e-5);
    assertEquals(read, 15, "4 epochs and a pass for the statistics");
    dispose();
  },
);

for (
  const [name, make] of [["MixUp", () => new MixUp({ alpha: 1 })], [
    "CutMix",
    () => new CutMix(),
  ]] as const
) {
  testTensors(`learner.batches() yields what ${name} makes of the epoch's batches`, async () => {
    const seen: number[][] = [];
    const { learner, dispose } = tinyLearner({
      kind: "images",
      optimizer: sgd(0),
      callbacks: [make(), {
        afterPredict: ({ data, phase }) =>
          void (phase === "train" && seen.push([...data.dataSync()])),
      }],
    });
    await learner.train();
    const read: number[][] = [];
    for await (const { data } of learner.batches("train")) {
      read.push([...(data as tf.Tensor).dataSync()]);
    }
    assertEquals(read, seen);
    dispose();
  });
}

testTensors("SanityCheck sees transformed data within the limits", async () => {
  let read = 0;
  const { learner, dispose } = tinyLearner({
    dataloaders: {
      *train() {
        yield batchOf(1);
      },
      *validation() {
        while (true) {
          read++;
          yield batchOf(NaN);
        }
      },
    },
    callbacks: [
      new SanityCheck({ batches: 5 }),
      new LimitBatches({ validation: 2 }),
      new TransformBatch(({ data }) => ({ data: tf.onesLike(data) }), { phases: ["validation"] }),
    ],
  });
  await learner.train();
  assertEquals(read, 4, "2 by the check, 2 by the validation");
  dispose();
});

testTensors(
  "learner.predict() transforms its input as a validation does, within its limit",
  async () => {
    const { learner, dispose } = tinyLearner({
      layers: () => [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
      callbacks: [
        new TransformBatch(({ data }) => ({ data: tf.div(data, 255) }), {
          phases: ["train", "validation", "test"],
        }),
        new TransformBatch(({ data }) => ({ data: tf.mul(data, 1000) })),
        new TransformBatch(({ data }) => ({ data: tf.add(data, 1) }), { phases: ["predict"] }),
        new LimitBatches({ predict: 2 }),
      ],
    });
    const endless = function* () {
      while (true) yield tf.fill([1, 1], 255);
    };
    const input = tf.tensor2d([[255], [510]]);
    const outputs = [await learner.predict(input), await learner.predict(endless)];
    assertEquals(outputs.map((output) => [...output.dataSync()]), [[2, 3], [2, 2]]);
    assertEquals([...input.dataSync()], [255, 510]);
    tf.dispose([input, outputs]);
    dispose();
  },
);

testTensors("two TransformBatch draw different numbers", async () => {
  const drawn: number[] = [];
  const draw = () => new TransformBatch((_, random) => (drawn.push(random()), {}));
  const { learner, dispose } = tinyLearner({ callbacks: [draw(), draw()] });
  await learner.train();
  assertEquals(new Set(drawn).size, 8);
  dispose();
});

/**
 * The largest difference between the loss and the loss of the mixed pixels: each image is full of its
 * own one-hot label, and the loss is linear in the labels.
 */
async function errorOfMixedLoss(callbacks: CallbackLike[], steps = 18): Promise<number> {
  return await assertNoTensorsLeft(async () => {
    using one = { variable: weight(1), [Symbol.dispose]: () => one.variable.dispose() };
    const [score, place] = [tf.tensor1d([1, 10, 100]), tf.range(1, 9)];
    const labels = tf.tidy(() =>
      tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2, 2, 1], "int32"), 3).toFloat()
    );
    const data = tf.tidy(() => labels.reshape([8, 1, 1, 3]).tile([1, 8, 8, 1]));
    const lossOf = (values: tf.Tensor) => values.mul(score).sum(1).mul(place).mean();
    let worst = 0;
    const { learner } = tinyLearner({
      model: {
        apply: (x: tf.Tensor) => x.mean([1, 2]).mul(one.variable),
        trainableVariables: [one.variable],
      },
      lossFunction: (predictions: tf.Tensor, labels: tf.Tensor) =>
        lossOf(labels).add(predictions.mean().mul(0)),
      optimizer: sgd(0),
      seed: 5,
      dataloaders: { train: Array(steps).fill([data, labels]) },
      callbacks: [...callbacks, {
        afterBatch({ loss, predictions }) {
          const right = tf.tidy(() => lossOf(predictions).dataSync()[0]);
          worst = Math.max(worst, Math.abs(loss.dataSync()[0] - right));
        },
      }],
    });
    await learner.train();
    tf.dispose([score, place, labels, data]);
    return worst;
  });
}

const MIXING: Record<string, () => CallbackLike[]> = {
  MixUp: () => [new MixUp({ alpha: 1 })],
  CutMix: () => [new CutMix()],
  "MixUp and CutMix": () => [new MixUp({ alpha: 1 }), new CutMix()],
  "CutMix and MixUp": () => [new CutMix(), new MixUp({ alpha: 1 })],
  "two MixUp": () => [new MixUp({ alpha: 1 }), new MixUp({ alpha: 2 })],
  "MixUp, CutMix and MixUp": () => [new MixUp({ alpha: 1 }), new CutMix(), new MixUp()],
  "MixUp and a transform of the labels": () => [
    new MixUp({ alpha: 1 }),
    new TransformBatch(({ data, labels }) => ({
      data: tf.mul(data, 3),
      labels: tf.mul(labels, 3),
    })),
  ],
};

for (const [name, make] of Object.entries(MIXING)) {
  Deno.test(`${name}: the loss is that of the mixed pixels`, async () => {
    const error = await errorOfMixedLoss(make());
    assert(error < 1e-2, `the loss, of about 200, is wrong by ${error}`);
  });
}

testTensors("MaxSteps and MaxTime at the end of an epoch let it count", async () => {
  for (const kind of ["steps", "time"]) {
    let now = 0;
    const stopping = new EarlyStopping({ monitor: "train.loss", patience: 9, mode: "max" });
    const ends: number[][] = [];
    const { learner, model, dispose } = tinyLearner({
      callbacks: [
        { priority: -500, afterStep: () => void (now += 1000) },
        kind === "steps" ? new MaxSteps(8) : new MaxTime(8, { now: () => now }),
        { afterEpoch: () => void ends.push(numbersOf(model)) },
        new WeightAverage({ method: "swa", startEpoch: 0 }),
        stopping,
      ],
    });
    delete learner.dataloaders.validation;
    const { epochs, status } = await learner.train({ epochs: 5 });
    assertEquals([status, epochs, learner.optimizer.iterations], ["cancelled", 2, 8]);
    numbersOf(model).forEach((value, index) =>
      assertAlmostEquals(value, (ends[0][index] + ends[1][index]) / 2, 1e-6)
    );
    dispose();
  }
});

testTensors("a schedule never passes its end when a run is resumed with fewer epochs", async () => {
  const progress: number[] = [];
  const schedule = () =>
    new LearningRateSchedule((at) => {
      progress.push(at);
      return constant(0.1)(at);
    });
  const whole = tinyLearner({ callbacks: [schedule()] });
  let from;
  whole.learner.callbacks.push({
    priority: 900,
    async afterBatch(learner) {
      if (learner.epoch === 3 && learner.batchIndex === 1) from = await learner.checkpoint();
    },
  });
  await whole.learner.train({ epochs: 6 });
  progress.length = 0;
  const rest = tinyLearner({ callbacks: [schedule()] });
  const { status } = await rest.learner.train({ from, epochs: 3 });
  assertEquals([status, progress], ["completed", [1, 1]]);
  rest.dispose();
  whole.dispose();
});

testTensors(
  "EarlyStopping never takes a value or weights that are not finite for the best",
  async () => {
    for (
      const [values, best] of [
        [[NaN, 3, 2], 2],
        [[3, -Infinity, 2], 2],
        [[Infinity, 3, 4], 3],
      ] as const
    ) {
      const stopping = new EarlyStopping({ monitor: "train.score", mode: "min", patience: 9 });
      const { learner, dispose } = tinyLearner({
        callbacks: [{
          metricNames: ["train.score"],
          afterEpoch: ({ metrics, epoch }) => void (metrics["train.score"] = values[epoch]),
        }, stopping],
      });
      await learner.train({ epochs: 3 });
      assertEquals(stopping.best, best);
      dispose();
    }
  },
);

testTensors(
  "EarlyStopping({ restoreBest }) restores no weights that an update has spoilt",
  async () => {
    const weights: number[][] = [];
    const { learner, model, dispose } = tinyLearner({
      sizes: { train: 2 },
      callbacks: [
        {
          // The loss of the second epoch is better, and its last update spoils the weights.
          beforeStep(learner) {
            if (learner.epoch !== 1 || learner.batchIndex !== 1) return;
            learner.gradients = tf.tidy(() =>
              Object.fromEntries(
                Object.entries(learner.gradients as tf.NamedTensorMap).map(([name, gradient]) => [
                  name,
                  gradient.mul(Infinity),
                ]),
              )
            );
          },
          afterEpoch: () => void weights.push(numbersOf(model)),
        },
        new EarlyStopping({ monitor: "train.loss", patience: 5, restoreBest: true }),
      ],
      lossFunction: meanSquaredError,
    });
    await learner.train({ epochs: 3 });
    assert(weights[1].some((value) => !Number.isFinite(value)), "the weights are not spoilt");
    assertEquals(numbersOf(model), weights[0]);
    dispose();
  },
);
