/**
 * Steps that are recorded and played back: the same bits as operation by operation, and never where
 * they may depend on more than their inputs.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  adam,
  type AnyLearner,
  type CallbackLike,
  crossEntropy,
  Learner,
  type LearnerOptions,
  lossPerOutput,
  meanSquaredError,
  type RunCheckpoint,
  selectBackend,
  type StepState,
  tf,
  weighLoss,
  withSeed,
} from "../../mod.ts";
import { CutMix, MixUp, Timer, Trace } from "../../callbacks.ts";
import { emscriptenOf } from "../../src/backend/wasm_modules.ts";
import { heapOf } from "../../src/backend/kernel_heap.ts";
import { isPure, weightOfLoss } from "../../src/losses/loss_inputs.ts";
import { statesOf, statisticsOf } from "../../src/model/layers.ts";
import { modelStructure } from "../../src/model/model_structure.ts";

// The WebAssembly backend reads its files.
const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

// deno-lint-ignore no-explicit-any -- models, batches and losses of any kind
type Any = any;

/** Registers a test on wasm that asserts that no tensor is left. */
function testOnWasm(name: string, test: () => Promise<void>): void {
  Deno.test(name, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const { numTensors } = tf.memory();
    try {
      await test();
      assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
    } finally {
      await tf.setBackend("cpu");
    }
  });
}

const BATCH = 4;

/** Layers that draw random numbers, and that keep averages. */
function layers(): tf.layers.Layer[] {
  return [
    tf.layers.dense({ units: 8, inputShape: [5], kernelRegularizer: "l1l2" }),
    tf.layers.batchNormalization(),
    tf.layers.activation({ activation: "relu" }),
    tf.layers.dropout({ rate: 0.3 }),
    tf.layers.gaussianNoise({ stddev: 0.1 }),
    tf.layers.dense({ units: 3 }),
  ];
}

/** Batches of sizes, new ones in each epoch. */
function batches(sizes: number[]): () => Iterable<Any> {
  return function* () {
    let seed = 0;
    for (const size of sizes) {
      yield [
        tf.randomUniform([size, 5], -1, 1, "float32", ++seed),
        tf.tidy(() => tf.randomUniform([size], 0, 3, "float32", ++seed).floor().toInt()),
      ];
    }
  };
}

interface Training {
  /** Everything that comes out. */
  numbers: Record<string, unknown>;
  /** The state of each training step. */
  steps: StepState[];
}

/** Trains a model of its own; `model` makes another one. */
async function train(
  { make = () => tf.sequential({ layers: layers() }), sizes = [BATCH, BATCH, BATCH, 2], ...more }:
    & { make?: () => Any; sizes?: number[]; epochs?: number; from?: RunCheckpoint }
    & Partial<LearnerOptions<Any, Any, Any>>,
): Promise<Training> {
  const { epochs = 4, from, callbacks = [], ...options } = more;
  const model = withSeed(3, make);
  const steps: StepState[] = [];
  const losses: number[] = [];
  const look: CallbackLike = {
    name: "looks on",
    passive: true,
    afterStep(learner: AnyLearner) {
      steps.push(learner.stepState!);
      losses.push(learner.loss.dataSync()[0]);
    },
  };
  const learner = new Learner<Any, Any, Any>({
    model,
    optimizer: adam(0.01),
    lossFunction: crossEntropy,
    dataloaders: { train: batches(sizes), validation: batches(sizes) },
    callbacks: [look, ...callbacks],
    seed: 5,
    ...options,
  });
  try {
    const { metrics } = await learner.train({ epochs, ...from && { from } });
    const weights = (model.weights ?? model.variables ?? []).map((weight: Any) =>
      Array.from((weight.read?.() ?? weight).dataSync())
    );
    return { numbers: { metrics, losses, weights }, steps };
  } finally {
    model.dispose?.();
    tf.dispose(model.variables);
    learner.optimizer.dispose();
  }
}

/** Trains in both ways, asserts that all bits are the same, and returns the states of the steps. */
async function assertSame(options: () => Parameters<typeof train>[0]): Promise<StepState[]> {
  const eager = await train({ ...options(), compile: false });
  const { numbers, steps } = await train(options());
  assertEquals(numbers, eager.numbers);
  assert(eager.steps.every(({ way }) => way === "eager"));
  return steps;
}

/** The reason for which no step was played. */
async function reasonOf(options: () => Parameters<typeof train>[0]): Promise<string> {
  const steps = await assertSame(options);
  assert(steps.every(({ way }) => way !== "played"), "a step was played back");
  return steps.at(-1)!.reason ?? "";
}

function ways(steps: StepState[]): string {
  return steps.map(({ way }) => way[0]).join("");
}

testOnWasm("steps of each shape are taken once, recorded twice, then played back", async () => {
  const steps = await assertSame(() => ({}));
  // The last batch of an epoch is a shape of its own.
  assertEquals(ways(steps), "errepppr".concat("pppr", "pppp"));
});

testOnWasm("Timer and Learner.summary() say how steps are taken, or why not", async () => {
  const timer = new Timer();
  await train({ callbacks: [timer], epochs: 1, sizes: [4, 4, 4, 4, 4] });
  assertEquals(timer.steps, { eager: 2, recorded: 4, played: 4 }); // with those of the validation
  assertMatch(String(timer), /4 played back, 4 recorded, 2 neither$/);
  const listener: CallbackLike = { name: "listens", afterLoss() {} };
  await train({ callbacks: [timer, listener], epochs: 1 });
  assertMatch(String(timer), /0 recorded, 8 neither \(listens acts in the middle of the step\)$/);
  const model = tf.sequential({ layers: layers() });
  const learner = new Learner({ model, optimizer: adam(), lossFunction: crossEntropy });
  assertEquals(learner.summary().steps, "compiled");
  learner.compile = false;
  assertMatch(String(learner.summary()), /steps +operation by operation, as compile is false$/);
  model.dispose();
});

/** The blocks of the heap that work allocates and does not free, and the most at the same time. */
async function blocksOf(work: () => Promise<unknown>): Promise<{ left: number; most: number }> {
  const module = emscriptenOf(heapOf(tf.backend())!.backend);
  const { _malloc, _free } = module;
  const blocks = new Set<number>();
  let most = 0;
  module._malloc = (bytes) => {
    const block = _malloc(bytes);
    blocks.add(block);
    most = Math.max(most, blocks.size);
    return block;
  };
  module._free = (block) => {
    blocks.delete(block);
    _free(block);
  };
  try {
    await work();
  } finally {
    module._malloc = _malloc;
    module._free = _free;
  }
  return { left: blocks.size, most };
}

testOnWasm("recordings are freed when the run ends, and when they are too many", async () => {
  const sizes = Array.from({ length: 12 }, (_, index) => [index + 1, index + 1, index + 1]).flat();
  const run = () => train({ sizes, epochs: 1 });
  await run(); // scratch memory grows to its size
  const { left, most } = await blocksOf(run);
  assertEquals(left, 0);
  assert(most > 8);
});

testOnWasm("small predictions keep their memory between runs, large ones do not", async () => {
  const build = (units: number) =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units, inputShape: [5], activation: "relu" }),
        tf.layers.dense({ units: 3 }),
      ],
    });
  const models = [8, 1000].map(build);
  const [small, large] = models.map((model) =>
    new Learner({ model, optimizer: adam(), lossFunction: crossEntropy })
  );
  const predict = async (learner: AnyLearner, size: number, times = 4) => {
    const x = tf.randomNormal([size, 5]);
    const expected = learner.model.apply(x, { training: false }) as tf.Tensor;
    for (let i = 0; i < times; i++) {
      const predicted: tf.Tensor = await learner.predict(x);
      assertEquals(predicted.dataSync(), expected.dataSync());
      predicted.dispose();
    }
    assertEquals(learner.stepState?.way, times > 3 || learner === small ? "played" : "recorded");
    tf.dispose([x, expected]);
  };
  await predict(large, 400); // scratch memory grows to its size
  assertEquals((await blocksOf(() => predict(large, 401))).left, 0);
  assertEquals((await blocksOf(() => predict(small, 1))).left, 1);
  assertEquals((await blocksOf(() => predict(small, 1, 1))).left, 0);
  // The weights of the next prediction are those of then.
  tf.tidy(() => models[0].weights.forEach((weight) => weight.write(weight.read().add(1))));
  await predict(small, 1, 2);
  const many = async () => {
    for (let size = 2; size < 20; size++) await predict(small, size);
  };
  assertEquals((await blocksOf(many)).left, 8);
  for (const model of models) model.dispose();
});

testOnWasm(
  "a played step names an index that is out of range, and the next one is played",
  async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: 5, outputDim: 2, inputLength: 3 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 2 }),
      ],
    });
    const learner = new Learner({ model, optimizer: adam(), lossFunction: crossEntropy });
    const predict = async (...indices: number[]) => {
      const x = tf.tensor2d(indices, [indices.length / 3, 3], "int32");
      try {
        tf.dispose(await learner.predict(x));
      } finally {
        x.dispose();
      }
      return learner.stepState?.way;
    };
    for (let i = 0; i < 4; i++) await predict(0, 1, 2, 4, 4, 0);
    for (const wrong of [5, -1, 2 ** 30]) {
      for (let place = 0; place < 6; place++) {
        const indices = [0, 1, 2, 3, 4, 0].with(place, wrong);
        await assertRejects(
          () => predict(...indices),
          RangeError,
          `GatherV2: the index value ${wrong} is not in [0, 4]`,
        );
      }
      assertEquals(await predict(4, 3, 2, 1, 0, 4), "played");
    }
    model.dispose();
  },
);

/** Trains a model with noise and an average on indices, of which those of batch 5 are wrong. */
async function trainOnIndices(compile: boolean) {
  const [rows, weight, average] = tf.tidy(() =>
    [[5, 2], [2, 2], [1, 2]].map((shape) => tf.variable(tf.ones(shape)))
  );
  average.trainable = false;
  const learner: AnyLearner = new Learner<Any, Any, Any>({
    model: {
      variables: [rows, weight, average],
      trainableVariables: [rows, weight],
      apply({ input, indices }: Record<string, tf.Tensor>) {
        const noisy = tf.add(input, tf.randomNormal(input.shape));
        if (learner.batchIndex === 5) draws.push(...noisy.dataSync());
        average.assign(tf.add(tf.mul(average, 0.9), tf.mean(noisy, 0, true)));
        return tf.add(tf.matMul(noisy, weight as tf.Tensor2D), tf.gather(rows, indices));
      },
    },
    optimizer: adam(0.01),
    lossFunction: meanSquaredError,
    dataloaders: {
      *train(): Iterable<Any> {
        for (let batch = 0; batch < 7; batch++) {
          const indices = tf.tensor1d([0, 1, 2, batch === 5 ? 5 : 3], "int32");
          const input = tf.randomUniform([4, 2], 0, 1, "float32", batch + 1);
          yield [{ input, indices }, tf.ones([4, 2])];
        }
      },
    },
    callbacks: [{ afterBatch: () => void ways.push(learner.stepState!.way) }],
    seed: 5,
    compile,
  });
  const ways: string[] = [], draws: number[] = [];
  const error = await learner.train().then(() => "none", String);
  const weights = [rows, weight, average].map((variable) => Array.from(variable.dataSync()));
  tf.dispose([rows, weight, average]);
  learner.optimizer.dispose();
  return { ways: ways.join(), left: { error, weights, draws } };
}

testOnWasm(
  "a wrong index in a played step leaves averages and draws as an eager step does",
  async () => {
    const eager = await trainOnIndices(false);
    const { ways, left } = await trainOnIndices(true);
    assertEquals(ways, "eager,recorded,recorded,played,played,eager");
    assertEquals(left, eager.left);
    assertEquals(left.draws.length, 8);
    assertMatch(left.error, /the index value 5 is not in \[0, 4\]/);
  },
);

testOnWasm("a trap of any other kernel in a played step is an error", async () => {
  const heap = heapOf(tf.backend())!;
  const { kernels } = heap;
  let isArmed = false;
  const trapping = Object.entries(kernels).map(([name, kernel]) =>
    [name, (...args: number[]) => {
      if (isArmed) throw new WebAssembly.RuntimeError("memory access out of bounds");
      return kernel(...args);
    }] as const
  );
  (heap as { kernels: unknown }).kernels = Object.fromEntries(trapping);
  try {
    const arm = {
      afterStep({ stepState }: AnyLearner) {
        isArmed = stepState!.way === "played";
      },
    };
    await assertRejects(
      () => train({ callbacks: [arm], epochs: 1, sizes: [4, 4, 4, 4, 4] }),
      WebAssembly.RuntimeError,
      "memory access out of bounds",
    );
  } finally {
    (heap as { kernels: unknown }).kernels = kernels;
  }
});

testOnWasm("a user's own model may have parts that are named like those of layers", async () => {
  for (const layers of [[(x: tf.Tensor) => x], { first: 1 }, 3, null]) {
    const make = () => {
      const weight = tf.tidy(() => tf.variable(tf.ones([5, 3])));
      const apply = (x: tf.Tensor) => tf.matMul(x, weight);
      const variables = [weight];
      return { layers, cell: { units: 3 }, apply, variables, trainableVariables: variables };
    };
    const [eager, played] = [
      await train({ make, compile: false }),
      await train({ make, compile: true }),
    ];
    assertEquals(played.numbers, eager.numbers);
    assertEquals(ways(played.steps), "errepppr".concat("pppr", "pppp"));
    const model = make();
    assertEquals(statisticsOf(model as Any), []);
    assertEquals((await modelStructure(model as Any)).layers, []);
    tf.dispose(model.variables);
  }
});

testOnWasm("Trace leaves steps compiled, and notes how they are taken", async () => {
  const trace = new Trace();
  await train({ callbacks: [trace], epochs: 1, sizes: [4, 4, 4, 4] });
  const steps = trace.records.flatMap(({ work, step }) => work === "compute" ? [step!] : []);
  assertEquals(ways(steps), "errp");
});

testOnWasm("a second run plays the recordings of the first one back", async () => {
  const run = async (compile?: boolean) => {
    const model = withSeed(3, () => tf.sequential({ layers: layers() }));
    const learner = new Learner<Any, Any, Any>({
      model,
      optimizer: adam(0.01),
      lossFunction: crossEntropy,
      dataloaders: { train: batches([4, 4, 4, 4]), validation: batches([4, 4, 4, 4]) },
      seed: 5,
      compile,
    });
    const steps: StepState[] = [];
    const look = { afterStep: () => void steps.push(learner.stepState!) };
    const results: unknown[] = [];
    for (let index = 0; index < 3; index++) {
      const { metrics } = await learner.train({ callbacks: [look] });
      await learner.validate();
      const data = tf.ones([4, 5]);
      const predicted = await learner.predict(data);
      results.push(metrics, learner.validationLoss, Array.from(predicted.dataSync()));
      tf.dispose([data, predicted]);
    }
    model.dispose();
    learner.optimizer.dispose();
    return { steps, results };
  };
  const { steps, results } = await run();
  assertEquals(results, (await run(false)).results);
  assertEquals(ways(steps), "errp".concat("pppp", "pppp"));
});

testOnWasm("a run that fails frees its recordings", async () => {
  const failing = (at: number): CallbackLike => {
    let count = 0;
    return {
      afterStep() {
        if (++count === at) throw new Error("on purpose");
      },
    };
  };
  await assertRejects(() => train({ callbacks: [failing(9)] }), Error, "on purpose");
});

const CALLBACKS: Record<string, [callback: () => CallbackLike, reason: RegExp]> = {
  "a callback that listens in the middle of the step": [
    () => ({ name: "listens", afterLoss() {} }),
    /listens acts in the middle of the step/,
  ],
  "a replaced loss function": [
    () => ({
      beforeTrain(learner: AnyLearner) {
        learner.lossFunction = (predictions, labels) => crossEntropy(predictions, labels).mul(2);
      },
    }),
    /the loss function may depend on more/,
  ],
  "a replaced stage": [
    () => ({
      beforeTrain(learner: AnyLearner) {
        const { predict } = learner.stages;
        learner.stages.predict = (learner, options) => predict(learner, options);
      },
    }),
    /the stage predict is replaced/,
  ],
};

for (const [name, [callback, reason]] of Object.entries(CALLBACKS)) {
  testOnWasm(`steps are not played back with ${name}`, async () => {
    assertMatch(await reasonOf(() => ({ callbacks: [callback()] })), reason);
  });
}

class Own extends tf.layers.Layer {
  static className = "OwnCompiledLayer";
  override call(inputs: Any): tf.Tensor {
    return tf.mul([inputs].flat()[0], 2);
  }
  override computeOutputShape(shape: Any): Any {
    return shape;
  }
}
tf.serialization.registerClass(Own as Any);

testOnWasm("steps are not played back with a layer of a class of its own", async () => {
  const make = () => tf.sequential({ layers: [...layers(), new Own({ name: "own" })] });
  assertMatch(await reasonOf(() => ({ make })), /layer own is not one of TensorFlow.js/);
  // Unless the option says that it depends on nothing but its inputs.
  const { steps } = await train({ make, compile: true });
  assert(steps.some(({ way }) => way === "played"));
});

testOnWasm("steps are not played back with a layer whose method is replaced", async () => {
  const make = () => {
    const model = tf.sequential({ layers: layers() });
    const [first] = model.layers;
    const { call } = first;
    first.call = (inputs, options) => call.call(first, inputs, options);
    return model;
  };
  assertMatch(await reasonOf(() => ({ make })), /was changed/);
});

Deno.test("steps are not played back on a backend without our kernels", async () => {
  await tf.setBackend("cpu");
  const { numTensors } = tf.memory();
  const { steps } = await train({ epochs: 2 });
  assertMatch(steps[0].reason!, /backend "cpu"/);
  assertEquals(tf.memory().numTensors, numTensors);
});

/** Changes something before a batch, counted over all epochs. */
function before(at: number, change: (learner: AnyLearner) => void): () => CallbackLike {
  return () => {
    let count = 0;
    return {
      name: "changes something",
      beforeBatch(learner: AnyLearner) {
        if (count++ === at) change(learner);
      },
    };
  };
}

const layerOf = ({ model }: AnyLearner, name: string) =>
  (model as tf.LayersModel).layers.find((layer) => layer.getClassName() === name) as Any;

const CHANGES: Record<string, () => CallbackLike> = {
  "the rate of dropout": before(9, (learner) => layerOf(learner, "Dropout").rate = 0.6),
  "the deviation of noise": before(9, (learner) => layerOf(learner, "GaussianNoise").stddev = 1),
  "the momentum of averages": before(
    9,
    (learner) => layerOf(learner, "BatchNormalization").momentum = 0.5,
  ),
  "a layer that is frozen": before(9, (learner) => layerOf(learner, "Dense").trainable = false),
  "a weight that is frozen": before(
    9,
    (learner) => layerOf(learner, "Dense").weights[0].read().trainable = false,
  ),
  "batch normalisation that is frozen": before(
    9,
    (learner) => layerOf(learner, "BatchNormalization").trainable = false,
  ),
  "weights that are set": before(9, ({ model }) =>
    tf.tidy(() => {
      const layered = model as tf.LayersModel;
      layered.setWeights(layered.getWeights().map((weight) => weight.mul(0.5)));
    })),
  "a learning rate": before(9, (learner) => learner.learningRate = 0.1),
  "a batch that is replaced": before(
    9,
    (learner) => learner.data = tf.tidy(() => tf.mul(learner.data, 2)),
  ),
  "a batch whose data are of another type": before(
    9,
    (learner) => learner.data = tf.tidy(() => tf.mul(learner.data, 4).toInt()),
  ),
  "a callback that comes to listen": before(9, (learner) =>
    learner.callbacks.push({
      name: "listens",
      afterLoss(learner: AnyLearner) {
        if (learner.phase === "train") learner.loss = tf.mul(learner.loss, 2);
      },
    })),
  "another loss function": before(9, (learner) => {
    learner.lossFunction = (predictions, labels) =>
      meanSquaredError(predictions, tf.oneHot(labels, 3).toFloat());
  }),
};

for (const [name, callback] of Object.entries(CHANGES)) {
  testOnWasm(`played steps heed ${name}`, async () => {
    const steps = await assertSame(() => ({ callbacks: [callback()] }));
    assert(steps.slice(0, 9).some(({ way }) => way === "played"));
  });
}

/** A model whose kernel, `[5, 5]`, may be its batch. */
function ownBatch(isWeight: (batch: number) => boolean) {
  return () => {
    let model: tf.Sequential;
    const make = () =>
      model = tf.sequential({ layers: [tf.layers.dense({ units: 5, inputShape: [5] })] });
    const loader = function* (): Iterable<Any> {
      for (let i = 0; i < 6; i++) {
        const x = isWeight(i)
          ? model.weights[0].read().clone()
          : tf.randomUniform([5, 5], -1, 1, "float32", i + 1);
        yield [x, tf.ones([5, 5])];
      }
    };
    return { make, lossFunction: meanSquaredError, dataloaders: { train: loader } };
  };
}

testOnWasm(
  "steps are not played back whose batch was a weight when they were recorded",
  async () => {
    assertMatch(await reasonOf(ownBatch((i) => i === 1)), /a weight is part of the batch/);
  },
);

testOnWasm("played steps take a weight for a batch", async () => {
  assertEquals(ways(await assertSame(ownBatch((i) => i === 4))).slice(0, 6), "errppp");
});

testOnWasm("played steps keep tensors apart that were one tensor before", async () => {
  const make = () => tf.sequential({ layers: [tf.layers.dense({ units: 5, inputShape: [5] })] });
  const data = (seed: number) => tf.randomUniform([BATCH, 5], -1, 1, "float32", seed);
  const loader = function* (): Iterable<Any> {
    for (let i = 0; i < 5; i++) {
      const x = data(i);
      yield [x, i === 3 ? data(9) : x];
    }
  };
  const options = () => ({
    make,
    lossFunction: meanSquaredError,
    dataloaders: { train: loader, validation: loader },
  });
  assert((await assertSame(options)).some(({ way }) => way === "played"));
});

testOnWasm(
  "batches with ignored labels and weights are played back with their weights",
  async () => {
    const loader = function* (): Iterable<Any> {
      for (let i = 0; i < 6; i++) {
        const labels = [0, 1, i % 2 ? -1 : 2, i === 5 ? -1 : 1].map((n) => i === 5 ? -1 : n);
        yield [
          tf.randomUniform([4, 5], -1, 1, "float32", i + 1),
          tf.tensor1d(labels, "int32"),
          tf.tensor1d([1, i + 1, 0.5, 3]),
        ];
      }
    };
    const steps = await assertSame(() => ({ dataloaders: { train: loader, validation: loader } }));
    // In the last batch, all labels are left out: other operations follow.
    assertEquals(ways(steps), "errppe".concat("pppppe".repeat(3)));
  },
);

const RECURRENT: Record<string, (options: Any) => tf.layers.Layer> = {
  lstm: (options) => tf.layers.lstm({ units: 3, ...options }),
  gru: (options) => tf.layers.gru({ units: 3, ...options }),
  simpleRNN: (options) => tf.layers.simpleRNN({ units: 3, ...options }),
  "lstm without a kernel": (options) =>
    tf.layers.lstm({ units: 3, activation: "selu", ...options }),
  rnn: (options) =>
    tf.layers.rnn({
      cell: [tf.layers.lstmCell({ units: 4, dropout: 0.3 }), tf.layers.gruCell({ units: 3 })],
      ...options,
    }),
  bidirectional: ({ stateful, ...options }) =>
    tf.layers.bidirectional({
      layer: tf.layers.gru({ units: 3, dropout: 0.3, recurrentDropout: 0.2, stateful }) as Any,
      ...options,
    }),
  convLstm2d: (options) =>
    tf.layers.convLstm2d({ filters: 2, kernelSize: 2, dropout: 0.3, ...options }) as Any,
};

for (const [name, makeLayer] of Object.entries(RECURRENT)) {
  testOnWasm(`played steps carry the states of ${name} from batch to batch`, async () => {
    const shape = name === "convLstm2d" ? [BATCH, 3, 4, 4, 2] : [BATCH, 5, 6];
    const loader = function* (): Iterable<Any> {
      for (let seed = 1; seed <= 7; seed++) {
        yield [tf.randomUniform(shape, -1, 1, "float32", seed), tf.tensor1d([0, 1, 2, 1], "int32")];
      }
    };
    const run = async (compile?: boolean) => {
      const states: number[][] = [];
      const head = shape.length > 3 ? [tf.layers.flatten()] : [];
      const { numbers, steps } = await train({
        make: () =>
          tf.sequential({
            layers: [
              makeLayer({ stateful: true, batchInputShape: shape }),
              ...head,
              tf.layers.dense({ units: 3 }),
            ],
          }),
        dataloaders: { train: loader, validation: loader },
        callbacks: [{
          beforeEpoch({ model, epoch }: AnyLearner) {
            if (epoch === 2) (model as tf.LayersModel).resetStates();
          },
          afterBatch({ model }: AnyLearner) {
            states.push(...statesOf(model).map((state) => Array.from(state.dataSync())));
          },
          // A model that is disposed keeps its states, and those of training until they are reset.
          afterTrain({ model }: AnyLearner) {
            (model as tf.LayersModel).resetStates();
            tf.dispose(statesOf(model));
          },
        }],
        compile,
      });
      return { results: { ...numbers, states }, steps };
    };
    const { results, steps } = await run();
    assertEquals(results, (await run(false)).results);
    assertEquals(ways(steps), "errpppp".concat("ppppppp".repeat(3)));
  });
}

/** A loss of two outputs, whose labels are left out here and there. */
function twoHeads(lossFunction: Any): () => Parameters<typeof train>[0] {
  const loader = function* (): Iterable<Any> {
    for (let i = 0; i < 9; i++) {
      // Both outputs leave out one label, or the second one leaves out two.
      const [a, b] = [[0, 1, -1, 1], i % 3 === 1 ? [-1, 2, 0, 1] : [-1, -1, 2, 0]];
      yield [
        tf.randomUniform([4, 5], -1, 1, "float32", i + 1),
        [tf.tensor1d(a, "int32"), tf.tensor1d(b, "int32")],
      ];
    }
  };
  const make = () => {
    const input = tf.input({ shape: [5] });
    const outputs = [3, 3].map((units) => tf.layers.dense({ units }).apply(input) as Any);
    return tf.model({ inputs: input, outputs });
  };
  return () => ({
    make,
    lossFunction,
    compile: isPure(lossFunction) ? undefined : true,
    dataloaders: { train: loader, validation: loader },
    epochs: 3,
  });
}

const HEADS = { a: crossEntropy, b: crossEntropy };

testOnWasm("losses of several outputs are played back with the weight that all have", async () => {
  const steps = await assertSame(twoHeads(lossPerOutput(HEADS, { b: 0.5 })));
  assertEquals(ways(steps).slice(0, 9), "errpppp".concat("pp"));
});

testOnWasm(
  "losses that weigh several parts in a way of their own are not played back",
  async () => {
    const parts = ([x, y]: Any, [a, b]: Any) => [crossEntropy(x, a), crossEntropy(y, b)];
    const first = (predictions: Any, labels: Any) => {
      const [a, b] = parts(predictions, labels);
      return weighLoss(a.add(b), weightOfLoss(a)!);
    };
    const sum = (predictions: Any, labels: Any) => {
      const [a, b] = parts(predictions, labels);
      return weighLoss(a.add(b), weightOfLoss(a) as number + (weightOfLoss(b) as number));
    };
    for (const loss of [first, sum]) {
      assertMatch(await reasonOf(twoHeads(loss)), /the loss computes its own weight/);
    }
  },
);

/** A training on images whose examples are mixed. */
function mixing(mixers: () => CallbackLike[]): () => Parameters<typeof train>[0] {
  const loader = function* (): Iterable<Any> {
    for (let i = 0; i < 6; i++) {
      yield [
        tf.randomUniform([4, 4, 4, 1], -1, 1, "float32", i + 1),
        tf.tensor1d([0, i % 2 ? -1 : 2, 1, 2], "int32"),
      ];
    }
  };
  return () => ({
    make: () =>
      tf.sequential({
        layers: [tf.layers.flatten({ inputShape: [4, 4, 1] }), tf.layers.dense({ units: 3 })],
      }),
    dataloaders: { train: loader, validation: loader },
    callbacks: mixers(),
    epochs: 2,
  });
}

const MIXERS: Record<string, () => CallbackLike[]> = {
  MixUp: () => [new MixUp()],
  CutMix: () => [new CutMix()],
  "both of them": () => [new CutMix(), new MixUp({ alpha: 1 })],
};

for (const [name, mixers] of Object.entries(MIXERS)) {
  testOnWasm(`the mixed losses of ${name} are played back`, async () => {
    const steps = await assertSame(mixing(mixers));
    // Whether labels are left out decides on operations.
    assert(steps.filter(({ way }) => way === "played").length >= 3, ways(steps));
    const timer = new Timer();
    await train({ ...mixing(mixers)(), callbacks: [...mixers(), timer] });
    assertEquals(timer.steps.eager < timer.steps.played, true, String(timer));
  });
}

testOnWasm("steps are not played back with a MixUp whose hook is replaced", async () => {
  class Doubled extends MixUp {
    override afterLoss(learner: AnyLearner): void {
      super.afterLoss(learner);
      learner.loss = tf.mul(learner.loss, 2);
    }
  }
  assertMatch(await reasonOf(mixing(() => [new Doubled()])), /Doubled acts in the middle/);
});

testOnWasm("a wrong label in a played step fails as in any other", async () => {
  const loader = function* (): Iterable<Any> {
    for (let i = 0; i < 6; i++) {
      yield [tf.ones([2, 5]), tf.tensor1d([0, i === 5 ? 7 : 1], "int32")];
    }
  };
  const make = () => tf.sequential({ layers: layers() });
  await assertRejects(
    () => train({ make, dataloaders: { train: loader } }),
    RangeError,
    "current value is 7",
  );
});

testOnWasm("played steps work after other backends were in use", async () => {
  await train({ epochs: 1 });
  await tf.setBackend("cpu");
  await train({ epochs: 1 });
  await tf.setBackend("wasm");
  assert((await assertSame(() => ({}))).some(({ way }) => way === "played"));
});

/** A training with a stateful recurrent layer. */
function stateful(layer: "lstm" | "gru"): Parameters<typeof train>[0] {
  const shape = [BATCH, 5, 6];
  const loader = function* (): Iterable<Any> {
    for (let seed = 1; seed <= 6; seed++) {
      yield [tf.randomUniform(shape, -1, 1, "float32", seed), tf.tensor1d([0, 1, 2, 1], "int32")];
    }
  };
  const make = () => {
    const options = { units: 3, stateful: true, batchInputShape: shape, dropout: 0.2 };
    return tf.sequential({ layers: [tf.layers[layer](options), tf.layers.dense({ units: 3 })] });
  };
  return { make, dataloaders: { train: loader, validation: loader }, epochs: 2 };
}

const RESUMED: Record<string, () => Parameters<typeof train>[0]> = {
  "with dropout, noise and averages": () => ({}),
  "with a stateful lstm": () => stateful("lstm"),
  "with a stateful gru": () => stateful("gru"),
  "with MixUp": mixing(MIXERS.MixUp),
  "with CutMix": mixing(MIXERS.CutMix),
  "with MixUp and CutMix": mixing(MIXERS["both of them"]),
};

for (const [name, options] of Object.entries(RESUMED)) {
  for (const compile of [undefined, false]) {
    const first = compile === false ? "operation by operation" : "by played steps";
    testOnWasm(
      `a training ${name} that began ${first} resumes bit for bit in both ways`,
      async () => {
        const checkpoints: RunCheckpoint[] = [];
        const take: CallbackLike = {
          passive: true,
          async afterBatch(learner: AnyLearner) {
            checkpoints.push(await learner.checkpoint());
          },
        };
        const more = (own: Partial<Parameters<typeof train>[0]>) => {
          const { callbacks = [], ...others } = options();
          return train({ ...others, ...own, callbacks: [...callbacks, ...own.callbacks ?? []] });
        };
        const whole = await more({ compile, callbacks: [take] });
        assertEquals(whole.steps.some(({ way }) => way === "played"), compile !== false);
        for (const from of [checkpoints[2], checkpoints[5], checkpoints.at(-2)!]) {
          for (const compile of [undefined, false]) {
            const { numbers } = await more({ compile, from });
            assertEquals(numbers.weights, whole.numbers.weights);
            assertEquals(numbers.metrics, whole.numbers.metrics);
          }
        }
      },
    );
  }
}

testOnWasm("clones of the results of played steps keep their numbers", async () => {
  const clones: tf.Tensor[] = [], values: number[][] = [];
  await train({
    callbacks: [{
      afterBackward({ predictions, gradients }: AnyLearner) {
        const [gradient] = Object.values(gradients);
        for (const tensor of [predictions as tf.Tensor, gradient]) {
          clones.push(tensor.clone());
          values.push(Array.from(tensor.dataSync()));
        }
      },
    }],
  });
  assertEquals(clones.map((clone) => Array.from(clone.dataSync())), values);
  tf.dispose(clones);
});

/** A model of a user's own, with a variable. */
function ownModel(apply: (x: tf.Tensor, w: tf.Variable) => tf.Tensor) {
  return () => {
    const w = tf.tidy(() => tf.variable(tf.randomUniform([5, 3], -1, 1, "float32", 4)));
    return { apply: (x: tf.Tensor) => apply(x, w), trainableVariables: [w], variables: [w] };
  };
}

testOnWasm("a model of a user's own is compiled if the option says so", async () => {
  const make = ownModel((x, w) => tf.matMul(x, w).tanh());
  const steps = await assertSame(() => ({ make, compile: true }));
  assert(steps.some(({ way }) => way === "played"));
  assertMatch(await reasonOf(() => ({ make })), /the model is not made of layers/);
});

/** Functions of elements, reductions and choices of a product, of the shape of it. */
const KINDS: Record<string, (y: tf.Tensor) => tf.Tensor> = {
  "waves and powers": (y) => y.sin().add(y.mul(2).cos()).mul(y.abs().add(1).pow(1.5)),
  quotients: (y) => y.div(y.square().add(1)).add(y.squaredDifference(y.max(0))),
  extremes: (y) => y.maximum(y.min(1, true)).minimum(0.5).clipByValue(-1, 1),
  choices: (y) => tf.where(y.greater(0.1), y, y.neg()).add(tf.prelu(y, tf.scalar(0.3))),
  "reductions with axes between them": (y) => {
    const cube = y.expandDims(1).tile([1, 4, 1]);
    return y.mul(cube.sum([0, 2]).sum()).add(cube.max([0, 2]).sum()).add(cube.prod(1));
  },
  "reductions of one element": (y) => y.expandDims(1).max(1).add(y.expandDims(2).sum(2)),
  gates: (y) => y.mul(y.mean(1, true).sigmoid()).mul(y.softplus().sum(0)),
};

for (const [name, compute] of Object.entries(KINDS)) {
  testOnWasm(`${name} are played back`, async () => {
    const make = ownModel((x, w) => compute(tf.matMul(x, w)));
    const steps = await assertSame(() => ({ make, compile: true }));
    assert(steps.some(({ way }) => way === "played"), steps.at(-1)!.reason);
  });
}

/** Layers that act in training, within a function that no model knows of. */
const RANDOM: Record<string, () => tf.layers.Layer> = {
  dropout: () => tf.layers.dropout({ rate: 0.3 }),
  gaussianNoise: () => tf.layers.gaussianNoise({ stddev: 0.3 }),
  gaussianDropout: () => tf.layers.gaussianDropout({ rate: 0.3 }),
  alphaDropout: () => tf.layers.alphaDropout({ rate: 0.3 }),
};

for (const [name, makeLayer] of Object.entries(RANDOM)) {
  testOnWasm(`the random numbers of ${name} in a user's own model are played back`, async () => {
    const make = () => {
      const layer = makeLayer();
      const model = ownModel((x, w) => tf.matMul(x, w))();
      const { apply } = model;
      const random = (x: tf.Tensor, { training }: { training: boolean }) =>
        layer.apply(apply(x), { training }) as tf.Tensor;
      return { ...model, apply: random };
    };
    const steps = await assertSame(() => ({ make, compile: true }));
    assert(steps.some(({ way }) => way === "played"), steps.at(-1)!.reason);
  });
}

testOnWasm("kernels that work in JavaScript on the batch are played back", async () => {
  const make = ownModel((x, w) =>
    tf.matMul(x, w).add(tf.lowerBound(x, x).toFloat().sum<tf.Tensor>(1, true))
  );
  const steps = await assertSame(() => ({ make, compile: true }));
  assert(steps.some(({ way }) => way === "played"), steps.at(-1)!.reason);
});

testOnWasm("kernels of TensorFlow.js on the batch are played back", async () => {
  const make = ownModel((x, w) => {
    const normal = tf.localResponseNormalization(x.reshape<tf.Tensor4D>([-1, 1, 1, 5]));
    return tf.matMul(normal.reshape([-1, 5]), w);
  });
  const steps = await assertSame(() => ({ make, compile: true }));
  assert(steps.some(({ way }) => way === "played"), steps.at(-1)!.reason);
});

testOnWasm("a compiled model may hold tensors, and replace them", async () => {
  let scale: tf.Tensor | undefined;
  const replace = (value: number) => {
    scale?.dispose();
    scale = tf.scalar(value);
  };
  const make = ownModel((x, w) => tf.matMul(x, w).mul(scale!));
  const options = () => {
    replace(0.5);
    let count = 0;
    const beforeBatch = () => {
      if (++count % 6 === 0) replace(count);
    };
    return { make, compile: true, callbacks: [{ beforeBatch }] };
  };
  const steps = await assertSame(options);
  assert(steps.some(({ way }) => way === "played"));
  scale!.dispose();
});

const UNFIT: Record<string, [make: () => Any, reason: RegExp]> = {
  "reads values": [
    ownModel((x, w) => tf.matMul(x, w).mul(x.dataSync()[0])),
    /values are read in the middle of the step/,
  ],
  "counts its steps": [
    () => {
      let count = 0;
      return ownModel((x, w) => tf.matMul(x, w).mul(++count))();
    },
    /two steps differ/,
  ],
  "draws random numbers of its own": [
    ownModel((x, w) => tf.matMul(x, w).add(tf.randomNormal([3], 2, 0.7))),
    /it draws random numbers that are neither uniform from 0 to 1 nor standard normal/,
  ],
  "decides by a random number": [
    ownModel((x, w) => Math.random() < 2 ? tf.matMul(x, w) : w),
    /a random number is drawn for something unknown/,
  ],
};

for (const [name, [make, reason]] of Object.entries(UNFIT)) {
  testOnWasm(`a compiled model that ${name} is taken step by step`, async () => {
    assertMatch(await reasonOf(() => ({ make, compile: true })), reason);
  });
}

testOnWasm("a compiled model that changes later is an error in the next epoch", async () => {
  let isLate = false;
  const make = ownModel((x, w) => isLate ? tf.matMul(x, w).tanh() : tf.matMul(x, w));
  const change: CallbackLike = {
    beforeEpoch({ epoch }: AnyLearner) {
      isLate = epoch === 2;
    },
  };
  const sizes = Array(25).fill(BATCH);
  await assertRejects(
    () => train({ make, compile: true, sizes, callbacks: [change] }),
    Error,
    "two steps of the same shapes differ: operation",
  );
});

testOnWasm("steps of a user's own model are compared less and less often", async () => {
  const make = ownModel((x, w) => tf.matMul(x, w).tanh());
  const sizes = Array(20).fill(BATCH);
  const { steps } = await train({ make, compile: true, sizes, epochs: 8 });
  const recorded = steps.flatMap(({ way }, at) => way === "recorded" ? [at] : []);
  // 20 and 40 played steps lie between them; the next one comes after 80.
  assertEquals(recorded, [1, 2, 23, 64, 145]);
});

testOnWasm("a model of layers is not compared with its recording", async () => {
  const sizes = Array(25).fill(BATCH);
  const { steps } = await train({ compile: true, sizes, epochs: 3 });
  assertEquals(steps.filter(({ way }) => way === "recorded").length, 2);
});

testOnWasm("a layer that is changed in a compiled run leads to other steps", async () => {
  let layer: tf.layers.Layer;
  const make = () => {
    layer = tf.layers.dense({ units: 3, inputShape: [5] });
    return tf.sequential({ layers: [layer] });
  };
  const change: CallbackLike = {
    beforeEpoch({ epoch }: AnyLearner) {
      if (epoch !== 1) return;
      const { call } = layer;
      layer.call = (...args) => tf.tanh(call.apply(layer, args) as tf.Tensor);
    },
  };
  const steps = await assertSame(() => ({ make, compile: true, callbacks: [change] }));
  assertEquals(ways(steps).slice(4, 6), "er");
});

/** A recurrent model that keeps states, and has moving averages. */
function keepingModel(): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.lstm({ units: 4, batchInputShape: [BATCH, 5, 3], stateful: true, dropout: 0.2 }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 1 }),
    ],
  });
}

testOnWasm("an objective whose own model keeps states is played back", async () => {
  const run = async (compile: boolean) => {
    const models = withSeed(7, () => [keepingModel(), keepingModel()]);
    const ways = new Set<string>();
    const objectiveOf = (own: tf.Sequential) => ({
      variables: own,
      optimizer: adam(0.01),
      loss: meanSquaredError,
      predict: ({ data }: AnyLearner, options: { training: boolean }) =>
        own.apply(data as tf.Tensor, options),
    });
    const learner = new Learner<Any, Any, Any>({
      objectives: { first: objectiveOf(models[0]), second: objectiveOf(models[1]) },
      dataloaders: {
        *train(): Iterable<Any> {
          for (let seed = 1; seed <= 6; seed++) {
            yield [tf.randomUniform([BATCH, 5, 3], 0, 1, "float32", seed), tf.ones([BATCH, 1])];
          }
        },
      },
      callbacks: [{
        name: "looks on",
        afterStep: ({ stepState, objective }: AnyLearner) => {
          ways.add(`${objective} ${stepState!.way}`);
        },
      }],
      seed: 5,
      compile,
    });
    await learner.train({ epochs: 2 });
    const tensors = models.flatMap((model) => [...model.getWeights(), ...statesOf(model)]);
    const numbers = tensors.map((tensor) => Array.from(tensor.dataSync()));
    for (const model of models) {
      tf.dispose(statesOf(model));
      model.dispose();
    }
    Object.values(learner.objectives).forEach(({ optimizer }) => optimizer.dispose());
    return { numbers, ways };
  };
  const eager = await run(false), played = await run(true);
  assertEquals(played.numbers, eager.numbers);
  assert(
    played.ways.isSupersetOf(new Set(["first played", "second played"])),
    [...played.ways].join(),
  );
});

testOnWasm("a layer that keeps states out of sight is not played back", async () => {
  const models: tf.Sequential[] = [];
  const make = () => {
    const inner = keepingModel();
    models.push(inner);
    const variablesOf = (weights: Any[]) => weights.map((weight) => weight.read() as tf.Variable);
    return {
      apply: (x: tf.Tensor, options: Any) => inner.apply(x, options) as tf.Tensor,
      trainableVariables: variablesOf(inner.trainableWeights as Any),
      variables: variablesOf(inner.weights as Any),
    };
  };
  const loader = function* (): Iterable<Any> {
    for (let seed = 1; seed <= 4; seed++) {
      yield [tf.randomUniform([BATCH, 5, 3], 0, 1, "float32", seed), tf.ones([BATCH, 1])];
    }
  };
  const reason = await reasonOf(() => ({
    make,
    compile: true,
    lossFunction: meanSquaredError,
    dataloaders: { train: loader },
  }));
  assertMatch(
    reason,
    /^layer lstm_\w+ keeps states, but is part of neither the Learner's model nor/,
  );
  for (const model of models) {
    tf.dispose(statesOf(model));
    for (const layer of model.layers) tf.dispose((layer as Any).keptStates ?? []);
  }
});
