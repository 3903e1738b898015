import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  Callback,
  type CallbackLike,
  Checkpoint,
  DataLoader,
  EarlyStopping,
  Learner,
  type LearnerOptions,
  meanSquaredError,
  Metrics,
  selectBackend,
  sgd,
  TensorDataset,
  tf,
  type TrainOptions,
} from "../../mod.ts";
import {
  MixUp,
  ReduceOnPlateau,
  schedules,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { exportModel } from "../../io.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, loaders, tinyLearner, weight } from "../fixtures/tiny_learner.ts";

interface BadRun {
  /** Completes "Learner.train() refuses …". */
  name: string;
  learner?: (model: Line) => Partial<LearnerOptions>;
  options?: TrainOptions;
  error: typeof TypeError | typeof RangeError;
  /** Parts of the message: the action, what is required, what is there. */
  message: string[];
  /** Whether it is known before any work. Default: true. */
  early?: boolean;
}

const one = { train: loaders({ train: [2] }).train };
const batchOf = (batch: () => unknown): Partial<LearnerOptions> => ({
  dataloaders: {
    *train() {
      yield batch() as [tf.Tensor, tf.Tensor];
    },
  },
});
const counts = [0, -1, 1.5, NaN, Infinity, "2" as unknown as number];
const shown = (value: unknown) => typeof value === "string" ? `"${value}"` : String(value);
const rates = [NaN, -0.1, Infinity, -Infinity];

const badRuns: BadRun[] = [
  ...counts.flatMap((value) =>
    (["epochs", "validationEpochs"] as const).map((name): BadRun => ({
      name: `${name} of ${shown(value)}`,
      options: { [name]: value },
      error: RangeError,
      message: [
        `Cannot train as ${name} must be an integer >= 1: current value is ${shown(value)}`,
      ],
    }))
  ),
  ...rates.map((learningRate): BadRun => ({
    name: `a learning rate of ${learningRate}`,
    options: { learningRate },
    error: RangeError,
    message: [
      "Cannot set the learning rate",
      "finite and >= 0",
      `current value is ${learningRate}`,
    ],
  })),
  {
    name: "a misspelt option",
    options: { epoch: 3 } as TrainOptions,
    error: TypeError,
    message: ["Cannot train as each option must be one of from, epochs, ", 'there is no "epoch"'],
  },
  {
    name: "a number in the place of options",
    options: 3 as TrainOptions,
    error: TypeError,
    message: ["Cannot train as its options must be an object: current value is 3"],
  },
  {
    name: "a signal that is no AbortSignal",
    options: { signal: new AbortController() as unknown as AbortSignal },
    error: TypeError,
    message: ["signal must be an AbortSignal: current value is an instance of AbortController"],
  },
  {
    name: "no loader at all",
    learner: () => ({ dataloaders: undefined }),
    error: TypeError,
    message: ["Cannot train as dataloaders.train must be set", "no loader at all"],
  },
  {
    name: "no training loader",
    learner: () => ({ dataloaders: { train: undefined, test: loaders().test } }),
    error: TypeError,
    message: ["Cannot train as dataloaders.train must be set: there is test"],
  },
  ...["train", "validation", "test"].map((name): BadRun => ({
    name: `an empty ${name} loader of known length`,
    learner: () => ({ dataloaders: { ...one, [name]: [] } }),
    error: RangeError,
    message: [`Cannot train as dataloaders.${name} must yield at least one batch`, "length is 0"],
  })),
  {
    name: "a DataLoader of an empty dataset",
    learner: () => ({
      dataloaders: { train: new DataLoader<never, never>({ dataset: [], collate: () => fail() }) },
    }),
    error: RangeError,
    message: ["Cannot train as dataloaders.train must yield at least one batch", "length is 0"],
  },
  {
    name: "a generator that yields nothing",
    learner: () => ({ dataloaders: { train: () => batches() } }),
    error: RangeError,
    message: ["Cannot train as the loader must yield at least one batch", "it yielded none"],
    early: false,
  },
  {
    name: "a function that returns no iterable",
    learner: () => ({ dataloaders: { train: (() => Promise.resolve([])) as never } }),
    error: TypeError,
    message: ["Cannot read the train loader", "an iterable of batches", "[object Promise]"],
    early: false,
  },
  {
    name: "a loss that is not a scalar",
    learner: () => ({ lossFunction: (predictions, labels) => predictions.sub(labels).square() }),
    error: TypeError,
    message: ["Cannot train as the loss function must return a scalar", "shape [2,1]"],
    early: false,
  },
  {
    name: "a loss that is not a tensor",
    learner: () => ({ lossFunction: () => 3 as unknown as tf.Tensor }),
    error: TypeError,
    message: ["Cannot train as the loss function must return a scalar", "current value is 3"],
    early: false,
  },
  {
    name: "a loss that does not depend on the weights",
    learner: () => ({ lossFunction: (_, labels) => labels.square().mean() }),
    error: TypeError,
    message: [
      "Cannot train as the loss must depend on the model's trainable weights",
      "no gradient",
    ],
    early: false,
  },
  {
    name: "a constant loss",
    learner: () => ({ lossFunction: () => tf.scalar(1) }),
    error: TypeError,
    message: [
      "Cannot train as the loss must depend on the model's trainable weights",
      "no gradient",
    ],
    early: false,
  },
  {
    name: "a model without weights",
    learner: () => ({ model: { apply: (data: tf.Tensor) => data.mul(2), trainableVariables: [] } }),
    error: RangeError,
    message: ["Cannot train as the model must have a trainable weight", "it has none"],
  },
  {
    name: "data and labels of different length",
    learner: () => batchOf(() => [tf.zeros([3, 1]), tf.zeros([2, 1])]),
    error: TypeError,
    message: ["Cannot use batch 0 of the train loader", "same length", "3 and 2"],
    early: false,
  },
  {
    name: "a batch that is a tensor",
    learner: () => batchOf(() => tf.zeros([3, 1])),
    error: TypeError,
    message: [
      "Cannot use batch 0 of the train loader",
      "[data, labels]",
      "a tensor of shape [3,1]",
    ],
    early: false,
  },
  {
    name: "a batch of four parts",
    learner: () => batchOf(() => Array.from({ length: 4 }, () => tf.zeros([1]))),
    error: TypeError,
    message: ["Cannot use batch 0 of the train loader", "{ xs, ys }", "an array of length 4"],
    early: false,
  },
  {
    name: "weights that are not one for each example",
    learner: () => batchOf(() => [tf.zeros([2]), tf.zeros([2]), tf.zeros([3])]),
    error: TypeError,
    message: ["its weights must be tensors with one number for each of 2 examples", "shape [3]"],
    early: false,
  },
  {
    name: "a batch with other keys",
    learner: () => batchOf(() => ({ input: tf.zeros([1]), target: tf.zeros([1]) })),
    error: TypeError,
    message: ["Cannot use batch 0 of the train loader", "{ x, y }", "the keys input, target"],
    early: false,
  },
  {
    name: "a batch of nothing",
    learner: () => batchOf(() => undefined),
    error: TypeError,
    message: ["Cannot use batch 0 of the train loader", "current value is undefined"],
    early: false,
  },
  {
    name: "a batch without tensors",
    learner: () => batchOf(() => [[1, 2], [3, 4]]),
    error: TypeError,
    message: ["Cannot use batch 0 of the train loader", "tensors whose first axis counts examples"],
    early: false,
  },
  {
    name: "data that is a scalar",
    learner: () => batchOf(() => [tf.scalar(1), tf.scalar(1)]),
    error: TypeError,
    message: ["Cannot use batch 0 of the train loader", "first axis", "a tensor of shape []"],
    early: false,
  },
  ...(["afterPredict", "afterLoss"] as const).map((hook): BadRun => ({
    name: `a promise returned from ${hook}`,
    learner: () => ({ callbacks: [{ [hook]: () => Promise.resolve() }] }),
    error: TypeError,
    message: [`Cannot run ${hook} as it must be synchronous`, "it returned a promise"],
    early: false,
  })),
];

function fail(): never {
  throw new Error("must not be called");
}

for (const { name, learner: make, options, error, message, early = true } of badRuns) {
  testTensors(`Learner.train() refuses ${name}`, async () => {
    using model = new Line();
    let began = false;
    const { callbacks = [], ...others } = make?.(model) ?? {};
    const spy: CallbackLike = { beforeTrain: () => void (began = true) };
    const { learner } = tinyLearner({
      model,
      dataloaders: one,
      callbacks: [spy, ...callbacks],
      ...others,
    });
    const { epochs, validationEpochs, learningRate } = learner;
    const thrown = await assertRejects(() => learner.train(options), error);
    for (const part of message) assertStringIncludes(thrown.message, part);
    assertEquals(began, !early, "work was begun");
    assertEquals(model.weights, [0, 0]);
    assertEquals(learner.learningRate, learningRate);
    assertEquals(learner.phase, "idle");
    if (early) {
      assertEquals([learner.epochs, learner.validationEpochs], [epochs, validationEpochs]);
      assertEquals(model.calls, []);
    }
  });
}

testTensors(
  "Learner.train() refuses a model whose layers are all frozen, before any work",
  async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.layers[0].trainable = false;
    const callbacks = [{ beforeTrain: fail }];
    const { learner } = tinyLearner({ model, callbacks });
    await assertRejects(() => learner.train(), RangeError, "must have a trainable weight");
    model.dispose();
  },
);

testTensors("Learner.train() refuses a generator in its second epoch", async () => {
  using model = new Line();
  const { learner } = tinyLearner({ model, dataloaders: { train: batches(1, 1) } });
  await assertRejects(
    () => learner.train({ epochs: 2 }),
    RangeError,
    "a generator runs only once: pass a function that makes one",
  );
  assertEquals(model.calls.length, 2);
});

testTensors("Learner.train() refuses a loader that yields the same tensors twice", async () => {
  using model = new Line();
  const [batch] = batches(1);
  const { learner } = tinyLearner({
    model,
    dataloaders: {
      *train() {
        yield batch;
        yield batch;
      },
    },
  });
  const thrown = await assertRejects(
    () => learner.train(),
    TypeError,
    "batch 1 of the train loader",
  );
  assertStringIncludes(thrown.message, "yield new tensors or clones");
});

testTensors("Learner.train() refuses an array of batches that are disposed", async () => {
  using model = new Line();
  const [batch] = batches(1);
  batch[0].dispose();
  const { learner } = tinyLearner({ model, dataloaders: { train: [batch] } });
  await assertRejects(() => learner.train(), TypeError, "batch 0 of the train loader");
  batch[1].dispose();
});

testTensors("Learner.learningRate refuses what is not a rate and stays as it was", () => {
  using model = new Line();
  const { learner } = tinyLearner({ model, optimizer: sgd(0.25) });
  for (const rate of [...rates, "0.1" as unknown as number]) {
    assertThrows(() => learner.learningRate = rate, RangeError, `current value is ${shown(rate)}`);
  }
  assertEquals(learner.learningRate, 0.25);
});

testTensors("new Learner() refuses parts of the wrong kind", () => {
  using model = new Line();
  const good: LearnerOptions = { model, optimizer: sgd(1), lossFunction: meanSquaredError };
  const bad: [Record<string, unknown>, string][] = [
    [{ model: undefined }, "model must be a tf.LayersModel or { apply, trainableVariables }"],
    [{ model: { apply() {} } }, "current value is an object with the keys apply"],
    [{ optimizer: "adam1" }, 'there is no "adam1", did you mean "adam"?'],
    [{ optimizer: 3 }, "optimizer must be a tf.Optimizer: current value is 3"],
    [{ optimizer: sgd }, "optimizer must be a tf.Optimizer: current value is the function sgd"],
    [{ callbacks: [Misspelt] }, "an object with hooks: current value is the class Misspelt"],
    [{ metrics: [] }, 'callbacks, seed, compile: there is no "metrics"'],
    [
      {
        dataloaders: {
          train: new TensorDataset({
            data: { values: new Float32Array(0), shape: [0] },
            labels: [],
          }) as never,
        },
      },
      "or a DataLoader around a dataset: current value is an instance of TensorDataset",
    ],
    [{ lossFunction: "crossentropy" }, 'there is no "crossentropy", did you mean "crossEntropy"?'],
    [{ lossFunction: 3 }, "lossFunction must be a function: current value is 3"],
    [
      { dataloaders: { valid: [] } },
      'keys train, validation and test only: current value is "valid"',
    ],
    [{ dataloaders: { train: 5 } }, "dataloaders.train must be an iterable of batches"],
    [{ callbacks: { afterBatch() {} } }, "callbacks must be an array"],
    [{ callbacks: [undefined] }, "it must be an object with hooks: current value is undefined"],
    [
      { callbacks: [[{}]] },
      "it must be an object with hooks: current value is an array of length 1",
    ],
    [{ callbacks: [{ priority: NaN }] }, "priority must be a finite number: current value is NaN"],
    [{ seed: 1.5 }, "seed must be a safe integer: current value is 1.5"],
  ];
  for (const [part, message] of bad) {
    assertThrows(() => new Learner({ ...good, ...part } as LearnerOptions), TypeError, message);
  }
});

testTensors("what is given to callbacks and functions by mistake is refused at once", async () => {
  using model = new Line();
  const unknown: [() => unknown, string][] = [
    [() => new EarlyStopping(3 as never), "its options must be an object: current value is 3"],
    [() => new EarlyStopping({ patiance: 3 } as never), 'there is no "patiance"'],
    [() => new ReduceOnPlateau({ cool: 3 } as never), 'there is no "cool"'],
    [
      () => new WeightAverage(0.99 as never),
      "its options must be an object: current value is 0.99",
    ],
    [() => new Checkpoint("runs", { every: 10 as never }), "current value is 10"],
    [() => new Checkpoint("runs", { every: { batch: 10 } as never }), 'there is no "batch"'],
    [() => new Checkpoint(undefined as never), "path must be a string or a file: URL"],
    [() => new Metrics({ loss: () => tf.scalar(0) }), "must have a name of its own"],
  ];
  for (const [make, message] of unknown) assertThrows(make, TypeError, message);
  const numbers: [() => unknown, string][] = [
    [() => new MixUp({ alpha: "0.2" as never }), 'finite and > 0: current value is "0.2"'],
    [() => schedules.cosine("0.1" as never), 'finite and >= 0: current value is "0.1"'],
  ];
  for (const [make, message] of numbers) assertThrows(make, RangeError, message);
  const promised: [() => Promise<unknown>, string][] = [
    [() => selectBackend("wasm" as never), 'must be an object: current value is "wasm"'],
    [() => exportModel(model as never, "runs"), "current value is an instance of Line"],
  ];
  for (const [make, message] of promised) await assertRejects(make, TypeError, message);
});

testTensors("TransformBatch refuses what is no batch", async () => {
  using model = new Line();
  for (const result of [undefined, 3, tf.scalar(3), { x: 1 }]) {
    const callbacks = [new TransformBatch(() => result as never)];
    await assertRejects(
      () => tinyLearner({ model, callbacks }).learner.train(),
      TypeError,
      "transform must return { data }, { labels } or both",
    );
    tf.dispose(result as tf.Tensor);
  }
});

class Misspelt extends Callback {
  afterBatches() {}
}

testTensors("new Learner() refuses a misspelt hook and suggests one", () => {
  using model = new Line();
  const misspelt: [CallbackLike, string][] = [
    [
      new Misspelt(),
      'callback Misspelt as each of its hooks must exist: there is no "afterBatches", did you mean "afterBatch"?',
    ],
    // @ts-expect-error -- a misspelt hook in a literal is an error at compile time too
    [{ beforeEpochs() {} }, 'did you mean "beforeEpoch"?'],
    [{ ["onCancelBatches" as "onCancelBatch"]() {} }, 'did you mean "onCancelBatch"?'],
    [{ ["onEpochEnd" as "afterEpoch"]() {} }, 'did you mean "afterEpoch"?'],
    [{ ["onTrainBatchBegin" as "beforeBatch"]() {} }, 'did you mean "beforeBatch"?'],
    [{ ["on_validation_batch_end" as "afterBatch"]() {} }, '"afterValidationBatch"?'],
    [{ ["on_before_optimizer_step" as "beforeStep"]() {} }, 'did you mean "beforeStep"?'],
    [{ ["on_fit_start" as "beforeTrain"]() {} }, 'did you mean "beforeTrain"?'],
    [{ ["after_pred" as "afterPredict"]() {} }, 'did you mean "afterPredict"?'],
    [{ ["after_cancel_fit" as "onCancelTrain"]() {} }, 'did you mean "onCancelTrain"?'],
    [{ ["befroeBatch" as "beforeBatch"]() {} }, 'did you mean "beforeBatch"?'],
    [{ ["aftrStep" as "afterStep"]() {} }, 'did you mean "afterStep"?'],
    [{ ["onEror" as "onError"]: () => {} }, 'did you mean "onError"?'],
  ];
  for (const [callback, suggestion] of misspelt) {
    const { message } = assertThrows(
      () => tinyLearner({ model, callbacks: [callback] }).learner,
      TypeError,
    );
    assertStringIncludes(message, suggestion);
  }
  tinyLearner({ model, callbacks: [{ onEnd() {} } as CallbackLike] });
});

testTensors(
  "Learner.train() refuses a misspelt hook that was pushed before, before any work",
  async () => {
    using model = new Line();
    const { learner } = tinyLearner({ model });
    learner.callbacks.push(new Misspelt());
    for (const run of [() => learner.train(), () => learner.validate(), () => learner.test()]) {
      await assertRejects(run, TypeError, 'did you mean "afterBatch"?');
    }
    assertEquals(learner.actor, undefined, "a run was begun");
    assertEquals(model.calls, []);
  },
);

testTensors(
  "Learner.train() refuses a misspelt hook that is pushed in a hook, and runs the after hooks",
  async () => {
    using model = new Line();
    const seen: string[] = [];
    const { learner } = tinyLearner({
      model,
      callbacks: [{
        beforeBatch: ({ callbacks }) => void callbacks.push(new Misspelt()),
        afterBatch: () => void seen.push("afterBatch"),
        afterEpoch: () => void seen.push("afterEpoch"),
        afterTrain: () => void seen.push("afterTrain"),
        onError: () => void seen.push("onError"),
      }],
    });
    await assertRejects(() => learner.train(), TypeError, 'did you mean "afterBatch"?');
    assertEquals(seen, ["afterBatch", "afterEpoch", "afterTrain", "onError"]);
    assertEquals(model.weights, [0, 0]);
    assertEquals(learner.failures.length, 1);
  },
);

testTensors("Learner.can() and cancel() refuse an unknown event and suggest one", () => {
  using model = new Line();
  const { learner } = tinyLearner({ model });
  const { message } = assertThrows(() => learner.can("cancel.epochs" as never), TypeError);
  assertStringIncludes(message, "Cannot steer the run as the event must be one of pause, resume");
  assertStringIncludes(message, '"cancel.epochs", did you mean "cancel.epoch"?');
  assertThrows(() => learner.cancel("batches" as never), TypeError, 'did you mean "cancel.batch"?');
  assert(!learner.can("pause") && !learner.cancel("train") && !learner.pause());
});

testTensors("mixed precision is refused with the reason, by each of its names", async () => {
  using model = new Line();
  const reason = "as numbers must be float32: TensorFlow.js has no half floats";
  for (const name of ["mixedPrecision", "precision", "amp", "fp16", "dtypePolicy", "float16"]) {
    const options = { [name]: true };
    assertThrows(() => tinyLearner({ model, ...options }), TypeError, reason);
    const { learner } = tinyLearner({ model });
    await assertRejects(() => learner.train(options), TypeError, `${reason}, so there is no`);
  }
});

testTensors("Learner.validate(), test() and predict() refuse what they cannot read", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    dataloaders: { train: () => batches(1), test: [] },
  });
  await assertRejects(() => learner.validate(), TypeError, "dataloaders.validation must be set");
  await assertRejects(() => learner.test(), RangeError, "dataloaders.test must yield at least one");
  await assertRejects(
    () => learner.predict(5 as never),
    TypeError,
    "Cannot predict as input must be a tensor or a loader, tensors for each input of the model, or ",
  );
  await assertRejects(() => learner.predict([]), RangeError, "Cannot predict");
  const scalar = weight(1);
  await assertRejects(() => learner.predict(scalar), TypeError, "first axis counts examples");
  scalar.dispose();
});
