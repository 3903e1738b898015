import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { adam, LearningRateSchedule, sgd, tf } from "../../mod.ts";
import { ReduceOnPlateau, schedules } from "../../callbacks.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

const { constant, oneCycle, polynomial } = schedules;

Deno.test("LearningRateSchedule sets rate and momentum of every batch, of any optimizer", async () => {
  const momentumOf = (optimizer: tf.Optimizer) => {
    const { momentum, beta1, m } = optimizer as never as Record<string, number> & { m?: tf.Tensor };
    return m ? Math.round(m.dataSync()[0] * 1e6) / 1e6 : momentum ?? beta1;
  };
  const optimizers = [
    sgd(1, { momentum: 0.5 }),
    adam(1),
    tf.train.adam(1),
    tf.train.momentum(1, 0.5),
  ];
  for (const optimizer of optimizers) {
    const seen: number[][] = [];
    const cycle = { learningRate: polynomial(0.08, 0), momentum: polynomial(0.8, 0) };
    const before = momentumOf(optimizer);
    const { learner, dispose } = tinyLearner({
      callbacks: [
        new LearningRateSchedule(cycle),
        { afterStep: ({ learningRate }) => void seen.push([learningRate, momentumOf(optimizer)]) },
      ],
      optimizer,
    });
    await learner.train({ epochs: 2 });
    assertEquals(seen.length, 8);
    seen.forEach(([rate, momentum], index) => {
      assertAlmostEquals(rate, 0.08 * (8 - index) / 8, 1e-9);
      assertAlmostEquals(momentum, 0.8 * (8 - index) / 8, 1e-6);
    });
    assertEquals(learner.learningRate, 1);
    assertEquals(momentumOf(optimizer), before);
    dispose();
  }
});

Deno.test("LearningRateSchedule counts the batches within the limits", async () => {
  const rates: number[] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new LearningRateSchedule(polynomial(1, 0)),
      { afterBatch: ({ learningRate }) => void rates.push(learningRate) },
    ],
  });
  learner.limits.train = 2;
  await learner.train();
  assertEquals(rates, [1, 0.5]);
  dispose();
});

Deno.test("LearningRateSchedule by batch must know the number of batches", async () => {
  const schedule = new LearningRateSchedule(constant(0.1));
  const { learner, dispose } = tinyLearner({ callbacks: [schedule] });
  const { train } = learner.dataloaders;
  learner.dataloaders.train = () => train as never;
  await assertRejects(() => learner.train(), TypeError, 'Give batchesPerEpoch, or by: "epoch"');
  learner.callbacks = [new LearningRateSchedule(constant(0.1), { batchesPerEpoch: 4 })];
  await learner.train();
  dispose();
});

Deno.test("LearningRateSchedule refuses an optimizer without momentum before the first batch", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [new LearningRateSchedule(oneCycle(1))],
    optimizer: sgd(),
  });
  await assertRejects(() => learner.train(), TypeError, "TrainchartSgd was made without");
  assertEquals(learner.batchIndex, -1);
  dispose();
});

Deno.test("ReduceOnPlateau multiplies after patience, waits for cooldown, stops at minimum", async () => {
  const values = [1, 0.9, 0.95, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.9, 0.9];
  const rates: number[] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [
      { afterEpoch: ({ metrics, epoch }) => void (metrics["train.score"] = values[epoch]) },
      { name: "Names", metricNames: ["train.score"] },
      new ReduceOnPlateau({
        monitor: "train.score",
        mode: "min",
        factor: 0.5,
        patience: 2,
        cooldown: 1,
        minimum: 0.2,
      }),
      { priority: 600, afterEpoch: ({ learningRate }) => void rates.push(learningRate) },
    ],
  });
  await learner.train({ epochs: values.length, learningRate: 0.6 });
  // Waited:          0    0    1    2    cool 1    2    cool 0    1    2
  assertEquals(rates, [0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2]);
  assertEquals(learner.learningRate, 0.6);
  dispose();
});
