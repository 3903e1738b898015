import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  adam,
  type Callback,
  CancelBatch,
  EarlyStopping,
  Learner,
  type LearnerOptions,
  LearningRateSchedule,
  meanSquaredError,
  type RunCheckpoint,
  sgd,
  tf,
  withSeed,
} from "../../mod.ts";
import { schedules, StopOnNaN } from "../../callbacks.ts";
import { assertNoTensorsLeft, testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { inOneLine, recorder } from "../fixtures/recorded_hooks.ts";
import { weight } from "../fixtures/tiny_learner.ts";

/** An optimizer with a learning rate. */
interface Rated {
  learningRate: number;
}

const STEP = "afterPredict afterLoss afterBackward beforeStep afterStep";

/** Two numbers that chase each other: `a` minimises (a - b)^2, `b` minimises (b - x)^2. */
function chase(options: Partial<LearnerOptions> = {}, every?: number) {
  const a = weight(0), b = weight(0);
  const optimizers = [sgd(0.5), sgd(0.25)];
  const learner = new Learner({
    objectives: {
      follower: {
        variables: [a],
        optimizer: optimizers[0],
        predict: () => a.sub(b),
        loss: (difference: tf.Tensor) => difference.square().sum(),
      },
      leader: {
        variables: [b],
        optimizer: optimizers[1],
        predict: ({ data }) => b.sub(data),
        loss: (difference: tf.Tensor) => difference.square().mean(),
        every,
      },
    },
    dataloaders: {
      *train() {
        for (let batch = 0; batch < 4; batch++) yield [tf.ones([2]), tf.ones([2])] as const;
      },
    },
    ...options,
  } as LearnerOptions);
  return { learner, a, b, dispose: () => tf.dispose([a, b]) };
}

/** The same by hand. */
function chased(batches: number, every: number) {
  let a = 0, b = 0;
  const losses: [number, number][] = [];
  for (let batch = 1; batch <= batches; batch++) {
    const follower = (a - b) ** 2;
    a -= 0.5 * 2 * (a - b);
    const leader = (b - 1) ** 2;
    if (batch % every === 0) b -= 0.25 * 2 * (b - 1);
    losses.push([follower, leader]);
  }
  return { a, b, losses };
}

for (const every of [1, 3]) {
  testTensors(`objectives are updated in their order, the second in every ${every}`, async () => {
    const heard: Parameters<typeof recorder>[0] = [];
    const named: (string | undefined)[] = [];
    const { learner, a, b, dispose } = chase({
      callbacks: [recorder(heard, (hook, learner) => {
        if (hook === "afterStep" || hook === "beforeBatch") named.push(learner.objective);
      })],
    }, every);
    const { trainLoss, metrics } = await learner.train({ epochs: 2 });
    const expected = chased(8, every);
    assertAlmostEquals(a.dataSync()[0], expected.a, 1e-6);
    assertAlmostEquals(b.dataSync()[0], expected.b, 1e-6);
    const second = expected.losses.slice(4);
    const due = second.filter((_, index) => (index + 5) % every === 0);
    const follower = second.reduce((sum, [loss]) => sum + loss, 0) / second.length;
    const leader = due.reduce((sum, [, loss]) => sum + loss, 0) / due.length;
    assertAlmostEquals(metrics["train.follower.loss"], follower, 1e-6);
    assertAlmostEquals(metrics["train.leader.loss"], leader, 1e-6);
    assertAlmostEquals(trainLoss, follower + leader, 1e-6);
    const both = `beforeBatch ${STEP} ${STEP} afterBatch`;
    const one = `beforeBatch ${STEP} afterBatch`;
    const batches = Array.from({ length: 8 }, (_, at) => (at + 1) % every === 0 ? both : one);
    assertEquals(
      inOneLine(heard),
      ["beforeTrain", "beforeEpoch", ...batches.slice(0, 4), "afterEpoch"].join(" ") + " " +
        ["beforeEpoch", ...batches.slice(4), "afterEpoch", "afterTrain"].join(" "),
    );
    assertEquals(named.slice(0, 3), [undefined, "follower", every === 1 ? "leader" : undefined]);
    assertEquals(learner.objective, undefined);
    dispose();
  });
}

testTensors("objectives: learningRate is set for all, or for the one of the step", async () => {
  const seen: number[] = [];
  const { learner, dispose } = chase({
    callbacks: [{
      beforeBatch: (learner) => void (learner.learningRate = 0.1),
      beforeStep(learner) {
        seen.push(learner.learningRate);
        if (learner.objective === "leader") learner.learningRate = 0.01;
      },
    }],
  });
  await learner.train();
  assertEquals(seen, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]);
  const rates = Object.values(learner.objectives).map(({ optimizer }) =>
    (optimizer as unknown as { learningRate: number }).learningRate
  );
  assertEquals(rates, [0.1, 0.01]);
  dispose();
});

testTensors(
  "objectives: each may have a schedule of its own, and is monitored by name",
  async () => {
    const rates: Record<string, number[]> = { follower: [], leader: [] };
    const { learner, dispose } = chase({
      callbacks: [
        new LearningRateSchedule(schedules.polynomial(0.4, 0), {
          objective: "follower",
          batchesPerEpoch: 4,
        }),
        new LearningRateSchedule(schedules.constant(0.1), { objective: "leader", by: "epoch" }),
        new EarlyStopping({ monitor: "train.leader.loss", patience: 1, minDelta: 9 }),
        { beforeStep: ({ objective, learningRate }) => void rates[objective!].push(learningRate) },
      ],
    });
    const { reason } = await learner.train({ epochs: 4 });
    assert(reason?.includes("train.leader.loss"), reason);
    const { follower, leader } = learner.objectives;
    rates.follower.forEach((rate, at) => assertAlmostEquals(rate, 0.4 * (1 - at / 16), 1e-6));
    assertEquals(rates.leader, rates.leader.map(() => 0.1));
    assertEquals([rates.follower.length, rates.leader.length], [8, 8]);
    const own = [follower, leader].map(({ optimizer }) =>
      (optimizer as never as Rated).learningRate
    );
    assertEquals(own, [0.5, 0.25]);
    dispose();
  },
);

testTensors("StopOnNaN names the objective whose loss is NaN", async () => {
  const { learner, dispose } = chase({ callbacks: [new StopOnNaN()] });
  learner.objectives.leader.loss = (difference: tf.Tensor) => difference.mul(NaN).mean();
  const { reason } = await learner.train();
  assertEquals(reason, "StopOnNaN: the loss is NaN (epoch 0, batch 0, objective leader)");
  dispose();
});

Deno.test("LearningRateSchedule refuses what other schedules decide, and unknown objectives", async () => {
  const of = (objective?: string) =>
    new LearningRateSchedule(schedules.constant(0.1), { objective, by: "epoch" });
  const rejects = async (callbacks: Callback[], type: typeof Error, message: string) => {
    const { learner, dispose } = chase({ callbacks });
    await assertRejects(() => learner.train(), type, message);
    dispose();
  };
  await rejects([of("leader"), of("leader")], TypeError, "both decide the learning rate of leader");
  await rejects([of("leader"), of()], TypeError, "both decide the learning rate");
  await rejects([of(), of("leader")], TypeError, "both decide the learning rate");
  await rejects([of("third")], RangeError, "there is follower, leader");
});

testTensors("objectives: a batch that is cancelled in the second keeps the first", async () => {
  const { learner, a, b, dispose } = chase({
    callbacks: [{
      beforeStep({ objective }) {
        if (objective === "leader") throw new CancelBatch();
      },
    }],
  });
  const { metrics } = await learner.train();
  assertEquals([a.dataSync()[0], b.dataSync()[0]], [0, 0]);
  assertEquals(Object.keys(metrics).sort(), ["train.follower.loss", "train.loss"]);
  dispose();
});

/** A GAN in small: two models of layers, noise and dropout, Adam and momentum. */
function gan(callbacks: Partial<Callback>[] = []) {
  const [generator, discriminator] = withSeed(3, () => [
    tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2], name: "g" })] }),
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 3, inputShape: [2], activation: "tanh", name: "d1" }),
        tf.layers.dropout({ rate: 0.2 }),
        tf.layers.dense({ units: 1, name: "d2" }),
      ],
    }),
  ]);
  const fake = () => generator.apply(tf.randomNormal([4, 2])) as tf.Tensor;
  const judge = (x: tf.Tensor) => discriminator.apply(x, { training: true }) as tf.Tensor;
  const like = (x: tf.Tensor, value: number) => x.sub(value).square().mean();
  const optimizers = [adam(0.05), sgd(0.05, { momentum: 0.9 })];
  const learner = new Learner({
    objectives: {
      discriminator: {
        variables: discriminator,
        optimizer: optimizers[0],
        predict: ({ data }) => [judge(data), judge(fake())],
        loss: ([real, fake]: tf.Tensor[]) => like(real, 1).add(like(fake, 0)) as tf.Scalar,
      },
      generator: {
        variables: generator,
        optimizer: optimizers[1],
        predict: () => judge(fake()),
        loss: (judged: tf.Tensor) => like(judged, 1),
        every: 2,
      },
    },
    seed: 5,
    dataloaders: {
      *train() {
        for (let batch = 0; batch < 5; batch++) {
          const data = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8].map((x) => x / 8 + batch), [4, 2]);
          yield { data, labels: tf.zeros([4]) };
        }
      },
    },
    callbacks,
  });
  return {
    learner,
    weights: () =>
      [generator, discriminator].flatMap((model) =>
        model.getWeights().flatMap((w) => [...w.dataSync()])
      ),
    dispose() {
      for (const part of [generator, discriminator, ...optimizers]) part.dispose();
    },
  };
}

testTensors("objectives resume bit for bit, both optimizers, from every after hook", async () => {
  const taken: RunCheckpoint[] = [];
  const whole = gan([{
    async afterBatch(learner) {
      taken.push(await learner.checkpoint());
    },
    async afterEpoch(learner) {
      taken.push(await learner.checkpoint());
    },
  }]);
  const { trainLoss } = await whole.learner.train({ epochs: 2 });
  const expected = whole.weights();
  whole.dispose();
  assertEquals(taken.length, 12);
  for (const from of taken) {
    const resumed = gan();
    const result = await resumed.learner.train({ from });
    assertEquals(resumed.weights(), expected);
    assertEquals(result.trainLoss, trainLoss);
    resumed.dispose();
  }
  assert([...taken[0].tensors.keys()].some((name) => name.includes("discriminator")));
});

testTensors("a checkpoint of objectives is refused by a Learner of other optimizers", async () => {
  let from: RunCheckpoint | undefined;
  const whole = gan([{ afterEpoch: async (learner) => void (from = await learner.checkpoint()) }]);
  await whole.learner.train();
  const { optimizer } = whole.learner.objectives.generator;
  const stock = tf.train.adagrad(0.1);
  whole.learner.objectives.generator.optimizer = stock;
  await assertRejects(
    () => whole.learner.train({ from }),
    Error,
    "the optimizer was discriminator: TrainchartAdam, generator: TrainchartSgd, it is",
  );
  whole.learner.objectives.generator.optimizer = optimizer;
  stock.dispose();
  whole.dispose();
});

testTensors("new Learner() refuses objectives that cannot work", () => {
  const { learner, a, dispose } = chase();
  const { follower } = learner.objectives;
  const refused = (objectives: unknown, message: string, more: object = {}) => {
    const options = { objectives, ...more } as LearnerOptions;
    assertThrows(() => new Learner(options), Error, message);
  };
  refused({}, "objectives must have an entry for each loss");
  refused({ "a.b": follower }, "the name of an objective must have no . or /");
  refused({ a: { ...follower, weights: [] } }, 'there is no "weights"');
  refused({ a: { ...follower, variables: 3 } }, "objectives.a.variables must be a model");
  refused({ a: { ...follower, optimizer: "adam" } }, "objectives.a.optimizer must be");
  refused({ a: { ...follower, loss: undefined } }, "objectives.a.loss must be a function");
  refused({ a: { ...follower, every: 0 } }, "objectives.a.every must be an integer >= 1");
  refused({ a: { ...follower, every: 2 } }, "objectives must have one with every: 1");
  refused({ a: follower }, "optimizer must be left out", { optimizer: sgd(1) });
  refused({ a: follower }, "lossFunction must be left out", { lossFunction: meanSquaredError });
  assert(a);
  dispose();
});

testTensors("Learner.train() refuses a model that lacks a variable of an objective", async () => {
  const model = { apply: (x: tf.Tensor) => x, trainableVariables: [] };
  const { learner, dispose } = chase({ model } as never);
  await assertRejects(
    () => learner.train(),
    TypeError,
    "Cannot train as the model must contain all variables of the objectives",
  );
  dispose();
});

testTensors("Learner.predict() asks for a model where there are only objectives", async () => {
  const { learner, dispose } = chase();
  await assertNoTensorsLeft(async () => {
    const data = tf.ones([2]);
    await assertRejects(() => learner.predict(data), TypeError, "must have a model");
    data.dispose();
  });
  dispose();
});

testTensors("objectives take losses of Trainchart as they are", async () => {
  const a = weight(0);
  const learner = new Learner({
    objectives: {
      only: {
        variables: [a],
        optimizer: sgd(0.5),
        predict: ({ data }) => data.mul(a),
        loss: meanSquaredError,
      },
    },
    dataloaders: {
      *train() {
        yield [tf.ones([2]), tf.fill([2], 3)] as const;
      },
    },
  } as LearnerOptions);
  await learner.train({ epochs: 1 });
  assertAlmostEquals(a.dataSync()[0], 3, 1e-6);
  a.dispose();
});
