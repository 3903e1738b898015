import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  adam,
  type CallbackLike,
  CancelBatch,
  EarlyStopping,
  meanSquaredError,
  sgd,
  tf,
} from "../../mod.ts";
import {
  fastDevRun,
  Freeze,
  LimitBatches,
  MaxSteps,
  MaxTime,
  OverfitOneBatch,
  SanityCheck,
  StopOnNaN,
} from "../../callbacks.ts";
import { copyState } from "../fixtures/copy_state.ts";
import { numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

/** Measures the given values, one in each validation. */
function measuring(values: number[]): CallbackLike {
  return {
    name: "Measuring",
    metricNames: ["validation.score"],
    afterValidate: ({ metrics, epoch }) => void (metrics["validation.score"] = values[epoch]),
  };
}

Deno.test("EarlyStopping stops after patience, and says why", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      measuring([3, 2.00001, 2.5, 2, 1.99, 1.98, 0]),
      new EarlyStopping({ monitor: "validation.score", mode: "min", patience: 3, minDelta: 0.1 }),
    ],
  });
  const { status, reason } = await learner.train({ epochs: 7 });
  assertEquals(status, "cancelled");
  assertEquals(reason, "EarlyStopping: validation.score has not improved on 2 for 3 epochs");
  dispose();
});

Deno.test("EarlyStopping counts measurements, and reports epochs", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      measuring([0, 1, 0, 0.5, 0, 0.25, 0, 0]),
      new EarlyStopping({ monitor: "validation.score", mode: "max", patience: 2 }),
    ],
  });
  const { reason } = await learner.train({ epochs: 8, validationEpochs: 2 });
  assertEquals(reason, "EarlyStopping: validation.score has not improved on 1 for 4 epochs");
  dispose();
});

Deno.test("EarlyStopping stops if every measurement is NaN", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      measuring([NaN, NaN, 1]),
      new EarlyStopping({ monitor: "validation.score", mode: "max", patience: 2 }),
    ],
  });
  const { reason } = await learner.train({ epochs: 3 });
  assertEquals(reason, "EarlyStopping: validation.score is NaN");
  dispose();
});

for (const end of ["itself", "its last epoch", "another callback", "an error"]) {
  Deno.test(`EarlyStopping restores the best weights when the training is ended by ${end}`, async () => {
    const weights: number[][] = [];
    const subject = tinyLearner({
      callbacks: [
        measuring([2, 1, 3, 4, 5, 6]),
        { afterValidate: () => void weights.push(numbersOf(subject.model)) },
        new EarlyStopping({
          monitor: "validation.score",
          mode: "min",
          patience: end === "itself" ? 2 : 100,
          restoreBest: true,
        }),
        {
          beforeEpoch({ epoch }) {
            if (epoch !== 3) return;
            if (end === "another callback") subject.learner.cancel("train");
            if (end === "an error") throw new Error("a test");
          },
        },
      ],
    });
    const run = subject.learner.train({ epochs: 5 });
    await (end === "an error" ? assertRejects(() => run, Error, "a test") : run);
    assert(weights.length > 2);
    assertEquals(numbersOf(subject.model), weights[1]);
    subject.dispose();
  });
}

Deno.test("EarlyStopping continues from its state", async () => {
  const make = () =>
    new EarlyStopping({ monitor: "validation.score", mode: "min", patience: 3, restoreBest: true });
  const first = make();
  let state: unknown;
  const { learner, dispose } = tinyLearner({
    callbacks: [
      measuring([1, 2, 2, 2]),
      first,
      {
        priority: 600,
        afterValidate: ({ epoch }) => void (epoch === 1 && (state = copyState(first.state()))),
      },
    ],
  });
  await learner.train({ epochs: 2 });
  const second = make();
  learner.callbacks = [
    measuring([2, 2, 2, 2]),
    second,
    { priority: 600, beforeTrain: () => second.restore(state) },
  ];
  const { reason } = await learner.train({ epochs: 3 });
  assertEquals(reason, "EarlyStopping: validation.score has not improved on 1 for 1 epoch");
  dispose();
});

Deno.test("StopOnNaN names the first weight with a gradient that is not finite", async () => {
  const subject = tinyLearner({
    callbacks: [new StopOnNaN()],
    layers: () => [
      tf.layers.dense({ units: 2, inputShape: [1], name: "below" }),
      tf.layers.dense({ units: 1, name: "above" }),
    ],
    lossFunction: (predictions, labels) =>
      tf.sqrt(tf.mul(meanSquaredError(predictions, labels), 0)),
  });
  const before = numbersOf(subject.model);
  const { reason } = await subject.learner.train();
  assertEquals(
    reason,
    "StopOnNaN: the gradient of below/kernel is not finite (epoch 0, batch 0)",
  );
  assertEquals(numbersOf(subject.model), before, "the weights are spoilt");
  subject.dispose();
});

Deno.test("StopOnNaN checks every n-th batch, and each validation", async () => {
  const poison = (at: string): CallbackLike => ({
    afterLoss(learner) {
      const { phase, batchIndex, loss } = learner;
      if (`${phase} ${batchIndex}` === at) {
        learner.loss = loss.mul(at.startsWith("t") ? NaN : Infinity);
      }
    },
  });
  for (
    const [at, options, reason] of [
      ["train 1", {}, "StopOnNaN: the loss is NaN (epoch 0, batch 1)"],
      ["train 1", { every: 2, gradients: false }, undefined],
      ["train 2", { every: 2, gradients: false }, "StopOnNaN: the loss is NaN (epoch 0, batch 2)"],
      ["validate 1", {}, "StopOnNaN: the validation loss is Infinity (epoch 0)"],
    ] as const
  ) {
    const { learner, dispose } = tinyLearner({ callbacks: [poison(at), new StopOnNaN(options)] });
    delete learner.dataloaders.test;
    if (!reason) delete learner.dataloaders.validation;
    learner.limits.train = reason ? 4 : 2;
    assertEquals((await learner.train()).reason, reason);
    dispose();
  }
});

Deno.test("MaxTime stops after the batch in which its time is up", async () => {
  let now = 5000;
  const { learner, dispose } = tinyLearner({
    callbacks: [
      { afterBatch: () => void (now += 1000) },
      new MaxTime(6, { now: () => now }),
    ],
  });
  const { reason } = await learner.train({ epochs: 9 });
  assertEquals(reason, "MaxTime: 6 s have passed");
  assertEquals([learner.epoch, now], [1, 11000]);
  dispose();
});

Deno.test("MaxTime.restore() continues with the elapsed time", () => {
  let now = 0;
  const first = new MaxTime(6, { now: () => now });
  first.beforeTrain();
  now = 4000;
  const second = new MaxTime(6, { now: () => now });
  second.restore(JSON.parse(JSON.stringify(first.state())));
  now = 5999;
  second.afterEpoch();
  now = 6000;
  assertThrows(() => second.afterEpoch(), Error, "MaxTime: 6 s have passed");
});

Deno.test("MaxSteps counts updates, not batches that were cancelled", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      {
        beforeBatch({ batchIndex }) {
          if (batchIndex === 0) throw new CancelBatch();
        },
      },
      new MaxSteps(5),
    ],
  });
  const { reason } = await learner.train({ epochs: 9 });
  assertEquals(reason, "MaxSteps: 5 steps are done");
  assertEquals([learner.epoch, learner.optimizer.iterations], [1, 5]);
  dispose();
});

Deno.test("LimitBatches takes counts and parts, in each phase, and lifts the limits afterwards", async () => {
  const seen = { train: 0, validation: 0, test: 0 };
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new LimitBatches({ train: 0.75, validation: 0.1, test: 9 }),
      {
        afterBatch: () => void seen.train++,
        afterValidationBatch: () => void seen.validation++,
        afterTestBatch: () => void seen.test++,
      },
    ],
  });
  learner.limits = { test: 8 };
  await learner.train();
  assertEquals(seen, { train: 3, validation: 1, test: 1 });
  await learner.validate();
  assertEquals(seen.validation, 2);
  assertEquals({ ...learner.limits }, { test: 8 });
  dispose();
});

Deno.test("LimitBatches and Freeze act when they are added during a training", async () => {
  const limit = new LimitBatches({ train: 2 });
  const freeze = new Freeze(/kernel/);
  const { learner, model, dispose } = tinyLearner();
  const [kernel] = numbersOf(model);
  learner.callbacks = [{ beforeTrain: (learner) => void learner.callbacks.push(limit, freeze) }];
  await learner.train();
  assertEquals(learner.optimizer.iterations, 2);
  assertEquals(numbersOf(model)[0], kernel);
  assertEquals(model.weights.every((weight) => (weight.read() as tf.Variable).trainable), true);
  assertEquals({ ...learner.limits }, {});
  dispose();
});

Deno.test("LimitBatches to a part must know the number of batches", async () => {
  const { learner, dispose } = tinyLearner({ callbacks: [new LimitBatches({ train: 0.5 })] });
  const { train } = learner.dataloaders;
  learner.dataloaders.train = () => train as never;
  await assertRejects(() => learner.train(), TypeError, "dataloaders.train has no length");
  assertThrows(
    () => new LimitBatches({ valid: 1 } as never),
    TypeError,
    'must be one of train, validation, test, predict, continueLoader: there is no "valid"',
  );
  assertThrows(() => new LimitBatches({ test: 0 }), RangeError, "current value is 0");
  dispose();
});

Deno.test("OverfitOneBatch trains and validates on the first batch only", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [new OverfitOneBatch({ stepsPerEpoch: 50 })],
    optimizer: adam(0.1),
  });
  await learner.train({ epochs: 6 });
  assert(learner.trainLoss < 1e-3, `${learner.trainLoss}`);
  assert(learner.validationLoss < 1e-3, `${learner.validationLoss}`);
  assert(learner.testLoss > 0.1);
  dispose();
});

for (
  const [name, make] of [["sgd", () => sgd(0.1)], [
    "tf.train.adam",
    () => tf.train.adam(0.1),
  ]] as const
) {
  Deno.test(`fastDevRun() runs all phases and changes nothing, with ${name}`, async () => {
    const before = tf.memory().numTensors;
    const ran: string[] = [];
    const optimizer = make();
    const subject = tinyLearner({
      callbacks: [
        { writesFiles: true, beforeTrain: () => void ran.push("a file") },
        {
          beforeBatch: () => void ran.push("train"),
          beforeValidationBatch: () => void ran.push("validation"),
          beforeTestBatch: () => void ran.push("test"),
        },
      ],
      optimizer,
    });
    const { learner } = subject;
    const { callbacks, limits } = learner;
    const weights = numbersOf(subject.model);
    const tensors = tf.memory().numTensors;
    const { status } = await fastDevRun(learner, { batches: 2 });
    assertEquals(status, "completed");
    assertEquals(ran, ["train", "train", "validation", "validation", "test"]);
    assertEquals(numbersOf(subject.model), weights);
    assertEquals(learner.optimizer, optimizer);
    assertEquals(optimizer.iterations ?? 0, 0);
    assert(learner.callbacks === callbacks && learner.limits === limits);
    assertEquals(tf.memory().numTensors, tensors);
    subject.dispose();
    if (name === "sgd") assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("SanityCheck fails before the first batch of training, and draws no random number", async () => {
  const { random } = Math;
  let drawn = 0;
  Math.random = () => (drawn++, random());
  try {
    const broken = tinyLearner({
      callbacks: [new SanityCheck()],
      layers: () => [
        tf.layers.dropout({ rate: 0.5, inputShape: [1] }),
        tf.layers.dense({ units: 1 }),
      ],
    });
    drawn = 0;
    const labels = [tf.fill([2, 1], NaN), tf.zeros([2, 1])];
    const data = [tf.zeros([2, 1]), tf.zeros([2, 3])];
    broken.learner.dataloaders.validation = [[data[0], labels[0]]];
    await assertRejects(() => broken.learner.train(), RangeError, "current value is NaN");
    assertEquals([drawn, broken.learner.batchIndex], [0, -1]);
    broken.learner.dataloaders.validation = [[data[1], labels[1]]];
    await assertRejects(() => broken.learner.train());
    assertEquals(broken.learner.batchIndex, -1);
    tf.dispose([data, labels]);
    broken.dispose();
  } finally {
    Math.random = random;
  }
});

Deno.test("SanityCheck does not read a loader that can be read only once", async () => {
  const { learner, dispose } = tinyLearner({ callbacks: [new SanityCheck()] });
  let read = 0;
  function* once() {
    for (const [data, labels] of learner.dataloaders.train as [tf.Tensor, tf.Tensor][]) {
      read++;
      yield [data.clone(), labels.clone()] as const;
    }
  }
  learner.dataloaders.validation = once();
  await learner.train();
  assertEquals(read, 4);
  assertNotEquals(learner.validationLoss, NaN);
  dispose();
});

for (const monitor of ["validation.loss", "train.loss"]) {
  Deno.test(`EarlyStopping by ${monitor} reports the metrics of the weights it restored`, async () => {
    const seen: Record<string, number>[] = [];
    const stopping = new EarlyStopping({ monitor, mode: "max", patience: 3, restoreBest: true });
    const { learner, dispose } = tinyLearner({
      callbacks: [stopping, {
        priority: 1000,
        afterValidate: ({ metrics }) => void seen.push({ ...metrics }),
      }],
    });
    const { metrics, trainLoss, validationLoss } = await learner.train({ epochs: 4 });
    const best = seen[stopping.bestEpoch];
    assertEquals(stopping.bestEpoch, 0);
    assertEquals(seen.length, 4);
    for (const [name, value] of Object.entries(best)) assertEquals(metrics[name], value, name);
    assertEquals([trainLoss, validationLoss], [best["train.loss"], best["validation.loss"]]);
    assertEquals((await learner.validate()).validationLoss, validationLoss);
    dispose();
  });
}
