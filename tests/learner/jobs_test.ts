import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { binaryCrossEntropy, CancelTrain, type HookName, type Learner, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { onEveryHook } from "../fixtures/recorded_hooks.ts";
import { batches, Line, loaders, tinyLearner } from "../fixtures/tiny_learner.ts";

testTensors(
  "Learner.validate() and test() run their own hooks only and train nothing",
  async () => {
    using model = new Line();
    const seen: string[] = [];
    const { learner } = tinyLearner({
      model,
      callbacks: [onEveryHook((hook) => void seen.push(hook))],
    });
    // Labels are 2x + 1 at x = 0 and predictions 0: the loss is 1.
    const validated = await learner.validate();
    assertEquals(validated.status, "completed");
    assertEquals([validated.validationLoss, learner.metrics["validation.loss"]], [1, 1]);
    const inner = (
      name: string,
    ) => [`before${name}Batch`, "afterPredict", "afterLoss", `after${name}Batch`];
    assertEquals(seen.splice(0), ["beforeValidate", ...inner("Validation"), "afterValidate"]);
    assertEquals((await learner.test()).testLoss, 1);
    assertEquals(seen, ["beforeTest", ...inner("Test"), "afterTest"]);
    assertEquals(model.weights, [0, 0]);
    assertEquals(model.calls, [false, false]);
  },
);

testTensors("Learner.predict() keeps the caller's tensor and joins batches", async () => {
  using model = new Line();
  tf.tidy(() => model.slope.assign(tf.scalar(3)));
  const { learner } = tinyLearner({ model, dataloaders: undefined });
  const x = tf.tensor2d([[1], [2]]);
  const y = await learner.predict(x);
  assertEquals([...y.dataSync()], [3, 6]);
  assert(!x.isDisposed);
  const joined = await learner.predict(() => batches(2, 1));
  assertEquals(joined.shape, [3, 1]);
  assertEquals([...joined.dataSync()], [0, 0.75, 1.5]);
  const unlabelled = await learner.predict([{ data: x }, x]);
  assertEquals([...unlabelled.dataSync()], [3, 6, 3, 6]);
  assertEquals(model.calls.includes(true), false);
  tf.dispose([x, y, joined, unlabelled]);
});

testTensors(
  "Learner.predict() gives tensors of their own where a model returns its input",
  async () => {
    const model = { apply: (data: tf.Tensor) => data, trainableVariables: [] };
    const { learner } = tinyLearner({ model, dataloaders: undefined });
    const x = tf.tensor1d([1, 2]);
    const y = await learner.predict(x);
    x.dispose();
    assertEquals([...y.dataSync()], [1, 2]);
    y.dispose();
  },
);

testTensors("Learner.predict() joins nested outputs part by part", async () => {
  const model = {
    apply: (data: tf.Tensor) => ({ twice: data.mul(2), pair: [data.add(1), data.neg()] }),
    trainableVariables: [],
  };
  const { learner } = tinyLearner({ model: model as never, dataloaders: undefined });
  const outputs = await learner.predict(() => batches(2, 1)) as unknown as {
    twice: tf.Tensor;
    pair: tf.Tensor[];
  };
  assertEquals([...outputs.twice.dataSync()], [0, 0.5, 1]);
  assertEquals(outputs.pair.map((part) => [...part.dataSync()]), [[1, 1.25, 1.5], [
    -0,
    -0.25,
    -0.5,
  ]]);
  tf.dispose([outputs.twice, outputs.pair]);
});

/** A model of two inputs, which puts out their columns as they are, or through an activation. */
function twoInputs(activation: "linear" | "sigmoid" | "softmax" = "linear") {
  const inputs = ["left", "right"].map((name) => tf.input({ shape: [1], name }));
  const joined = tf.layers.concatenate().apply(inputs);
  const outputs = tf.layers.activation({ activation }).apply(joined) as tf.SymbolicTensor;
  return tf.model({ inputs, outputs });
}

testTensors(
  "Learner.predict() takes a tensor for each input, in an array or a record",
  async () => {
    const model = twoInputs();
    const { learner } = tinyLearner({ model, dataloaders: undefined });
    const [left, right] = [tf.tensor2d([[1], [2]]), tf.tensor2d([[3], [4]])];
    const inputs = [
      [left, right],
      { right, left },
      [{ data: [left, right] }],
      { data: [left, right] },
      { x: { left, right } },
    ];
    for (const input of inputs) {
      const output = await learner.predict(input as never);
      assertEquals(output.arraySync(), [[1, 3], [2, 4]]);
      output.dispose();
    }
    const [x, y] = ["x", "y"].map((name) => tf.input({ shape: [1], name }));
    const outputs = tf.layers.concatenate().apply([x, y]) as tf.SymbolicTensor;
    const named = tf.model({ inputs: [x, y], outputs });
    const joined = await tinyLearner({ model: named, dataloaders: undefined }).learner
      .predict({ x: left, y: right } as never);
    assertEquals(joined.arraySync(), [[1, 3], [2, 4]], "inputs may have the names of a batch");
    joined.dispose();
    named.dispose();
    // A list of one more tensor is a loader.
    await assertRejects(() => learner.predict([left, right, left]), TypeError);
    const custom = { apply: ({ x }: { x: tf.Tensor }) => x.add(1), trainableVariables: [] };
    const other = tinyLearner({ model: custom as never, dataloaders: undefined }).learner;
    const output = await other.predict([{ data: { x: left } }]);
    const same = await other.predict({ data: { x: left } } as never);
    assertEquals(output.dataSync(), same.dataSync());
    tf.dispose([left, right, output, same]);
    model.dispose();
  },
);

const FORMS: [string, () => tf.Tensor, object, number[][] | number[], unknown][] = [
  ["logits of classes", () => tf.tensor2d([[0, Math.log(3)], [Math.log(4), 0]]), {}, [
    [0.25, 0.75],
    [0.8, 0.2],
  ], [1, 0]],
  [
    "logits of independent labels",
    () => tf.tensor2d([[0, Math.log(3)], [Math.log(4), -9e9]]),
    { lossFunction: binaryCrossEntropy },
    [[0.5, 0.75], [0.8, 0]],
    [[0, 1], [1, 0]],
  ],
  ["one logit", () => tf.tensor2d([[Math.log(3)], [-Math.log(4)]]), {}, [[0.75], [0.2]], [1, 0]],
  ["a vector of logits", () => tf.tensor1d([Math.log(3), 0]), {}, [0.75, 0.5], [1, 0]],
  ["logits that are NaN", () => tf.tensor2d([[NaN, 1], [0, 0]]), {}, [[NaN, NaN], [0.5, 0.5]], [
    -1,
    0,
  ]],
];

for (const [name, logits, options, probabilities, classes] of FORMS) {
  testTensors(`Learner.predict() gives ${name} as probabilities and as classes`, async () => {
    const model = { apply: (data: tf.Tensor) => data, trainableVariables: [] };
    const { learner } = tinyLearner({ model, dataloaders: undefined, ...options });
    const data = logits();
    const outputs = await learner.predict(data, { as: "outputs" });
    assertEquals(outputs.dataSync(), data.dataSync());
    const actual = await learner.predict([data, data], { as: "probabilities" });
    assertEquals(actual.shape[0], 2 * data.shape[0]);
    const expected = [probabilities, probabilities].flat(2);
    expected.forEach((value, at) => assertAlmostEquals(actual.dataSync()[at], value, 1e-6));
    const numbers = await learner.predict(data, { as: "classes" });
    assertEquals([numbers.arraySync(), numbers.dtype], [classes, "int32"]);
    tf.dispose([data, outputs, actual, numbers]);
  });
}

for (const activation of ["sigmoid", "softmax"] as const) {
  testTensors(`Learner.predict() knows that a ${activation} gives probabilities`, async () => {
    const model = twoInputs(activation);
    const { learner } = tinyLearner({ model, dataloaders: undefined });
    const inputs = [tf.tensor2d([[1]]), tf.tensor2d([[3]])];
    const outputs = await learner.predict(inputs);
    const probabilities = await learner.predict(inputs, { as: "probabilities" });
    assertEquals(probabilities.dataSync(), outputs.dataSync());
    const classes = await learner.predict(inputs, { as: "classes" });
    assertEquals(classes.arraySync(), activation === "sigmoid" ? [[1, 1]] : [1] as unknown);
    tf.dispose([inputs, outputs, probabilities, classes]);
    model.dispose();
  });
}

testTensors("Learner.predict() refuses other forms, and disposes what it had copied", async () => {
  const model = { apply: (data: tf.Tensor) => [data, data.toBool()], trainableVariables: [] };
  const { learner } = tinyLearner({ model: model as never, dataloaders: undefined });
  const data = tf.ones([1, 1]);
  await assertRejects(
    () => learner.predict(data, { as: "logits" as never }),
    TypeError,
    "Cannot predict as the option as must be one of outputs, probabilities, classes: current value",
  );
  const before = tf.memory().numTensors;
  await assertRejects(() => learner.predict(data, { as: "probabilities" }));
  assertEquals(tf.memory().numTensors, before);
  data.dispose();
});

testTensors(
  "Learner.predict() rejects when it is cancelled, as predictions would be missing",
  async () => {
    using model = new Line();
    const { learner } = tinyLearner({
      model,
      callbacks: [{
        afterPredict({ batchIndex }) {
          if (batchIndex === 1) throw new CancelTrain("enough");
        },
      }],
    });
    const error = await assertRejects(
      () => learner.predict(() => batches(1, 1, 1)),
      DOMException,
      "the run was cancelled (enough)",
    );
    assertEquals(error.name, "AbortError");
  },
);

for (const hook of ["afterPredict", "afterLoss"] as const) {
  testTensors(
    `a tensor that ${hook} replaced can be read after a cancel in the same hook`,
    async () => {
      const name = hook === "afterLoss" ? "loss" : "predictions";
      const seen: number[] = [];
      using model = new Line();
      const { learner } = tinyLearner({
        model,
        callbacks: [
          { [hook]: (learner: Learner) => void (learner[name] = learner[name].mul(0).add(7)) },
          {
            [hook]() {
              throw new CancelTrain("a test");
            },
            afterBatch: (learner: Learner) => void seen.push(learner[name].dataSync()[0]),
          },
        ],
      });
      await learner.train();
      assertEquals(seen, [7]);
    },
  );
}

testTensors("Learner.train() skips the passes that have no loader", async () => {
  using model = new Line();
  const all = loaders();
  for (const names of [[], ["validation"], ["test"], ["validation", "test"]] as const) {
    const seen = new Set<string>();
    const { learner } = tinyLearner({
      model,
      dataloaders: {
        train: all.train,
        ...Object.fromEntries(names.map((name) => [name, all[name]])),
      },
      callbacks: [onEveryHook((hook) => void seen.add(hook))],
    });
    const result = await learner.train();
    assertEquals(seen.has("beforeValidate"), names.includes("validation" as never));
    assertEquals(seen.has("beforeTest"), names.includes("test" as never));
    assertEquals(Number.isNaN(result.validationLoss), !names.includes("validation" as never));
    assertEquals(Number.isNaN(result.testLoss), !names.includes("test" as never));
  }
});

testTensors("Learner.train() continues with the trained model when called again", async () => {
  using once = new Line();
  await tinyLearner({ model: once }).learner.train({ epochs: 3 });
  using twice = new Line();
  const { learner } = tinyLearner({ model: twice });
  await learner.train({ epochs: 1 });
  const { epochs } = await learner.train({ epochs: 2 });
  assertEquals(epochs, 2);
  assertEquals(twice.weights, once.weights);
});

testTensors("Learner.train() is refused while a run is under way, also inside a hook", async () => {
  using model = new Line();
  const refused: string[] = [];
  const { learner } = tinyLearner({
    model,
    callbacks: [{
      async beforeBatch(learner: Learner) {
        for (const run of ["train", "validate", "test", "predict"] as const) {
          await learner[run](undefined as never).catch(({ message }) => refused.push(message));
        }
      },
    }],
    dataloaders: { train: () => batches(1) },
  });
  const running = learner.train();
  await assertRejects(
    () => learner.train(),
    Error,
    "a run of this Learner is in progress (it is about to begin)",
  );
  assertEquals((await running).status, "completed");
  assertEquals(refused.length, 4);
  assertEquals(
    refused[1],
    'Cannot validate: a run of this Learner is in progress (current phase is "train"). ' +
      'Wait for it, or cancel it with learner.cancel("train").',
  );
  assertStringIncludes(
    refused[3],
    '(current phase is "train"). Wait for it, or apply learner.model',
  );
  await learner.train();
});

testTensors(
  "Learner.train() is cancelled by its signal, with the reason, and still tests",
  async () => {
    using model = new Line();
    const controller = new AbortController();
    const seen: string[] = [];
    const inner: boolean[] = [];
    const { learner } = tinyLearner({
      model,
      callbacks: [{
        beforeStep(learner) {
          const { signal } = learner;
          controller.abort(new Error("no time left"));
          inner.push(signal.aborted);
        },
        onCancelTrain: () => void seen.push("onCancelTrain"),
        afterTrain: () => void seen.push("afterTrain"),
        afterTest: () => void seen.push("afterTest"),
      }],
    });
    const result = await learner.train({ epochs: 5, signal: controller.signal });
    assertEquals([result.status, result.reason, result.epochs], ["cancelled", "no time left", 0]);
    assertEquals(inner, [true]);
    assertEquals(seen, ["onCancelTrain", "afterTrain", "afterTest"]);
    assertEquals(model.weights, [0, 0]);

    const result2 = await learner.train({ signal: AbortSignal.abort("at once") });
    assertEquals([result2.status, result2.reason], ["cancelled", "at once"]);
    assertEquals(model.weights, [0, 0]);
  },
);

testTensors("Learner.train() no longer listens to its signal when it has ended", async () => {
  using model = new Line();
  const controller = new AbortController();
  const { learner } = tinyLearner({ model });
  await learner.train({ signal: controller.signal });
  learner.callbacks.push({ beforeBatch: () => controller.abort() });
  assertEquals((await learner.train()).status, "completed");
});

testTensors("Learner.train() tells an inspector of every event", async () => {
  using model = new Line();
  const events = new Set<string>();
  const inspect = ({ type, event }: { type: string; event?: { type: string } }) =>
    void events.add(`${type} ${event?.type ?? ""}`);
  await tinyLearner({ model }).learner.train({ inspect });
  assert(events.has("@xstate.event train") && events.has("@xstate.snapshot next"));
  events.clear();
  await tinyLearner({ model }).learner.train({ inspect: { next: inspect } });
  assert(events.has("@xstate.event train"));
});

testTensors("Learner.actor can be subscribed to and tells where the run is", async () => {
  using model = new Line();
  const states = new Set<string>();
  let completed = 0;
  const { learner } = tinyLearner({
    model,
    callbacks: [{
      beforeTrain({ actor }) {
        actor!.subscribe({
          next: ({ value }) => void states.add(JSON.stringify(value)),
          complete: () => void completed++,
        });
      },
      beforeBatch({ actor }) {
        const snapshot = actor!.getSnapshot();
        assert(snapshot.matches({ train: { epoch: "batch" } }));
        assertEquals(JSON.parse(JSON.stringify(snapshot.context)), snapshot.context);
      },
    }],
  });
  assertEquals(learner.actor, undefined);
  await learner.train();
  assertEquals(completed, 1);
  assert(states.has('{"train":{"epoch":{"batch":"compute"}}}') && states.has('"completed"'));
  assertEquals(learner.actor!.getSnapshot().status, "done");
});

testTensors(
  "Learner.train() returns how it ended, and the last of everything measured",
  async () => {
    using model = new Line();
    const { learner } = tinyLearner({
      model,
      callbacks: [{ afterEpoch: ({ metrics }) => void (metrics["train.mine"] = 5) }],
    });
    const { trainLoss, validationLoss, testLoss, metrics, ...rest } = await learner.train({
      epochs: 2,
      learningRate: 0.01,
    });
    assertEquals(rest, { status: "completed", epochs: 2 });
    assertEquals(metrics, {
      "train.loss": trainLoss,
      "train.mine": 5,
      "validation.loss": validationLoss,
      "test.loss": testLoss,
    });
    assertEquals([trainLoss, testLoss], [learner.trainLoss, learner.testLoss]);
    assertAlmostEquals(learner.learningRate, 0.01, 1e-9);
    const stop = { afterEpoch: () => learner.cancel("train", "seen enough") };
    learner.callbacks.push(stop as never);
    const cancelled = await learner.train({ epochs: 2 });
    assertEquals([cancelled.status, cancelled.reason], ["cancelled", "seen enough"]);
  },
);

const COUNTED = {
  beforeBatch: 1,
  afterBatch: 1,
  afterEpoch: 2,
  beforeValidate: 2,
  afterValidationBatch: 2,
  afterValidate: 2,
} satisfies Partial<Record<HookName, number>>;

for (const [hook, epochs] of Object.entries(COUNTED)) {
  testTensors(
    `Learner.train() counts ${epochs} epochs where ${hook} of the second cancels it`,
    async () => {
      using model = new Line();
      const cancel = (learner: Learner) => {
        if (learner.epoch === 1) throw new CancelTrain();
      };
      const result = await tinyLearner({ model, callbacks: [{ [hook]: cancel }] }).learner
        .train({ epochs: 4 });
      assertEquals([result.status, result.epochs], ["cancelled", epochs]);
    },
  );
}
