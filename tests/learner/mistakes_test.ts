/**
 * Mistakes that would train something else in silence are refused, whether steps are compiled or not.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CancelTrain,
  crossEntropy,
  EarlyStopping,
  Learner,
  Metrics,
  type RunCheckpoint,
  sgd,
  tf,
} from "../../mod.ts";
import { meanAbsoluteError, rSquared } from "../../metrics.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { type AnyLearner, tinyLearner, type TinyOptions } from "../fixtures/tiny_learner.ts";

/** Trains a tiny Learner, which is refused; compiled and not. */
async function assertRefused(options: TinyOptions, error: ErrorConstructor, message: string) {
  for (const compile of [undefined, false]) {
    const { learner, dispose } = tinyLearner({ ...options, compile });
    await assertRejects(() => learner.train(), error, message);
    dispose();
  }
}

testOnBackends("a loss that is an integer is refused", async () => {
  await assertRefused(
    {
      lossFunction: (predictions: tf.Tensor, labels: tf.Tensor) =>
        predictions.sub(labels).square().mean().toInt(),
    },
    TypeError,
    "Cannot train as the loss function must return a float32 scalar, whose gradient is not rounded: " +
      "current value is int32",
  );
});

testOnBackends("labels that are texts are refused by the loss for classes", async () => {
  for (const compile of [undefined, false]) {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] });
    const learner = new Learner({
      model,
      optimizer: sgd(),
      lossFunction: crossEntropy,
      compile,
      dataloaders: {
        train: function* (): Iterable<[tf.Tensor, tf.Tensor]> {
          yield [tf.ones([1, 1]), tf.tensor1d(["cat"], "string")];
        },
      },
    });
    await assertRejects(() => learner.train(), RangeError, "current value is cat");
    model.dispose();
  }
});

Deno.test("two callbacks that measure a metric of one name are refused", async () => {
  const callbacks =
    () => [new Metrics({ error: meanAbsoluteError }), new Metrics({ error: rSquared() })];
  const message = "Cannot train: Metrics and Metrics both measure train.error. " +
    "Give one of them another name.";
  await assertRefused({ callbacks: callbacks() }, TypeError, message);
  const { learner, dispose } = tinyLearner({ callbacks: callbacks().slice(1) });
  const add: AnyLearner["callbacks"][number] = {
    beforeBatch: ({ callbacks: all }) => void all.push(callbacks()[0]),
  };
  await assertRejects(() => learner.train({ callbacks: [add] }), TypeError, message);
  dispose();
});

Deno.test("a metric of a compiled model gives way to one of a callback with its name", async () => {
  await tf.setBackend("cpu");
  const before = tf.memory().numTensors;
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError", metrics: ["mse"] });
  const [data, labels] = [tf.ones([3, 1]), tf.zeros([3, 2])];
  const learner = new Learner({
    model,
    dataloaders: { train: [[data, labels]] },
    callbacks: [new Metrics({ mse: () => tf.scalar(7), accuracy: () => tf.scalar(8) })],
  });
  const { metrics } = await learner.train();
  assertEquals([metrics["train.mse"], metrics["train.accuracy"]], [7, 8]);
  learner.optimizer.dispose();
  model.dispose();
  tf.dispose([data, labels]);
  assertEquals(tf.memory().numTensors - before <= 1, true, "tensors are left");
});

Deno.test("two callbacks that restore the weights of their best epoch are refused", async () => {
  await assertRefused(
    {
      callbacks: [
        new EarlyStopping({ restoreBest: true }),
        new EarlyStopping({ restoreBest: true, monitor: "train.loss" }),
      ],
    },
    TypeError,
    "Cannot train: EarlyStopping and EarlyStopping both decide the weights at the end.",
  );
});

testOnBackends("gradients of another shape or type are refused, also by tf.train", async () => {
  const callback = {
    afterBackward(learner: AnyLearner) {
      const [name] = Object.keys(learner.gradients);
      learner.gradients = { [name]: tf.ones([2, 1]) };
    },
  };
  const message = "must be [1,1] float32: current value is [2,1] float32";
  await assertRefused({ callbacks: [callback] }, TypeError, message);
  await assertRefused({ callbacks: [callback], optimizer: tf.train.sgd(0.1) }, TypeError, message);
  const none = { afterBackward: (learner: AnyLearner) => void (learner.gradients = null as never) };
  await assertRefused({ callbacks: [none] }, TypeError, "current value is null");
});

Deno.test("a resumed loader without a length must yield what was read before", async () => {
  await tf.setBackend("cpu");
  const before = tf.memory().numTensors;
  const batches = (count: number) =>
    function* (): Iterable<[tf.Tensor, tf.Tensor]> {
      for (let batch = 0; batch < count; batch++) yield [tf.ones([2, 1]), tf.ones([2, 1])];
    };
  const whole = tinyLearner({ dataloaders: { train: batches(5) } });
  const cuts: RunCheckpoint[] = [];
  await whole.learner.train({
    callbacks: [{ afterBatch: async (learner) => void cuts.push(await learner.checkpoint()) }],
  });
  whole.dispose();
  const shorter = tinyLearner({ dataloaders: { train: batches(2) } });
  await assertRejects(
    () => shorter.learner.train({ from: cuts[3] }),
    RangeError,
    "Cannot resume as the train loader must yield the 4 batches that were read before: it yielded 2",
  );
  shorter.dispose();
  assertEquals(tf.memory().numTensors, before, "tensors are left");
});

Deno.test("a batch that was fetched ahead is disposed with its weights", async () => {
  await tf.setBackend("cpu");
  const before = tf.memory().numTensors;
  const { learner, dispose } = tinyLearner({
    dataloaders: {
      train: function* (): Iterable<[tf.Tensor, tf.Tensor, tf.Tensor]> {
        for (;;) yield [tf.ones([2, 1]), tf.ones([2, 1]), tf.ones([2])];
      },
    },
    callbacks: [{
      async afterBatch(learner) {
        if (!await learner.isLastBatch()) throw new CancelTrain("enough");
      },
    }],
  });
  assertEquals((await learner.train()).status, "cancelled");
  dispose();
  assertEquals(tf.memory().numTensors, before, "tensors are left");
});

testOnBackends("a model that returns no tensors is refused", async () => {
  const weight = tf.variable(tf.scalar(1));
  for (
    const [output, text] of [[undefined, "undefined"], [5, "5"], [Promise.resolve(), "Promise"]]
  ) {
    const model = { apply: () => output as never, trainableVariables: [weight] };
    const { learner, dispose } = tinyLearner({ model });
    const error = await assertRejects(() => learner.train(), TypeError, "must return tensors");
    assert((error as Error).message.includes(text as string), (error as Error).message);
    dispose();
  }
  weight.dispose();
});

Deno.test("metrics of a compiled model without a name, or of one name, are all measured", async () => {
  await tf.setBackend("cpu");
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const metrics = [7, 8, 9].map((value) => () => tf.fill([3], value));
  model.compile({
    optimizer: "sgd",
    loss: "meanSquaredError",
    metrics: [...metrics, "mse"] as never,
  });
  const [data, labels] = [tf.ones([3, 1]), tf.zeros([3, 1])];
  const learner = new Learner({ model, dataloaders: { train: [[data, labels]] } });
  const { metrics: measured } = await learner.train();
  assertEquals(Object.keys(measured), [
    "train.loss",
    "train.metric",
    "train.metric_1",
    "train.metric_2",
    "train.mse",
  ]);
  assertEquals([measured["train.metric"], measured["train.metric_2"]], [7, 9]);
  learner.optimizer.dispose();
  model.dispose();
  tf.dispose([data, labels]);
});

Deno.test("a state that cannot be saved is that of a callback with a name", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      { name: "Good", state: () => ({ count: 1 }), restore() {} },
      { name: "Odd", state: () => ({ inner: { act() {} } }), restore() {} },
      { name: "Save", afterBatch: async (learner) => void await learner.checkpoint() },
    ],
  });
  await assertRejects(
    () => learner.train(),
    TypeError,
    "Cannot save a state as state() of Odd/inner/act must be data: current value is a function",
  );
  dispose();
});
