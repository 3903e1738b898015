import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { adam, type CallbackLike, meanSquaredError, sgd, tf } from "../../mod.ts";
import {
  Freeze,
  GradientAccumulation,
  GradientClip,
  GradientStats,
  MaxSteps,
  WeightAverage,
} from "../../callbacks.ts";
import { copyState } from "../fixtures/copy_state.ts";
import { curve, numbersOf, type TinyLearner, tinyLearner } from "../fixtures/tiny_learner.ts";

function assertClose(actual: number[], expected: number[], tolerance: number) {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, index) => assertAlmostEquals(value, expected[index], tolerance));
}

/** The gradients in `beforeStep`, after a callback has changed the given ones. */
async function clipped(callback: CallbackLike, given: number[][]): Promise<number[][]> {
  let seen: number[][] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [
      {
        priority: -1000,
        afterBackward(learner) {
          const names = Object.keys(learner.gradients);
          learner.gradients = Object.fromEntries(
            names.map((
              name,
              index,
            ) => [name, tf.tensor(given[index], learner.gradients[name].shape)]),
          );
        },
      },
      callback,
      {
        beforeStep: ({ gradients }) =>
          void (seen = Object.values(gradients as tf.NamedTensorMap).map((g) => [...g.dataSync()])),
      },
    ],
    layers: () => [tf.layers.dense({ units: 2, inputShape: [1] }), tf.layers.dense({ units: 1 })],
  });
  learner.limits = { train: 1, validation: 1 };
  await learner.train();
  dispose();
  return seen;
}

Deno.test("GradientClip limits each element, and the norm of all gradients together", async () => {
  const given = [[3, -4], [0, 12], [84, 0], [0]]; // 3, 4, 12, 84: norm 85
  const rounded = async (options: { value?: number; norm?: number }) =>
    (await clipped(new GradientClip(options), given)).flat().map((x) => Math.round(x * 1e4) / 1e4);
  assertEquals(await rounded({ value: 5 }), [3, -4, 0, 5, 5, 0, 0]);
  assertEquals(await rounded({ norm: 8.5 }), [0.3, -0.4, 0, 1.2, 8.4, 0, 0]);
  assertEquals(await rounded({ norm: 85.1 }), given.flat());
  // 3, 4, 10, 10: norm 15
  assertEquals(await rounded({ value: 10, norm: 1.5 }), [0.3, -0.4, 0, 1, 1, 0, 0]);
  assertThrows(() => new GradientClip({}), TypeError, "value or norm must be given");
  assertThrows(() => new GradientClip({ norm: 0 }), RangeError, "norm must be a number > 0");
});

Deno.test("GradientClip leaves gradients of 0 as they are", async () => {
  const zeros = [[0, 0], [0, 0], [0, 0], [0]];
  assertEquals(await clipped(new GradientClip({ norm: 1 }), zeros), zeros);
});

type Batches = [tf.Tensor, tf.Tensor][];

/** The same batches, as loaders of every kind. */
const LOADERS: Record<string, (batches: Batches) => unknown> = {
  "an array": (batches) => batches,
  "a generator, of no length": (batches) => () => batches.map(clone).values(),
  "an asynchronous generator": (batches) =>
    async function* () {
      for (const batch of batches) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield clone(batch);
      }
    },
};

for (const [kind, loaderOf] of Object.entries(LOADERS)) {
  Deno.test(`GradientAccumulation equals the large batch, also clipped, from ${kind}`, async () => {
    const before = tf.memory().numTensors;
    for (const make of [() => adam(0.05), () => sgd(0.05), () => tf.train.sgd(0.05)]) {
      // Gradients of all windows are longer than 0.1, so each update is clipped.
      for (const clips of [[], [new GradientClip({ norm: 0.1 })]]) {
        // Windows of 2 + 3 + 1, and of what is left: 2 examples.
        const parts = [curve(0, 2), curve(2, 3), curve(5, 1), curve(6, 2)] as Batches;
        const steps = new MaxSteps(100);
        const small = tinyLearner({
          callbacks: [...clips, new GradientAccumulation(3), steps],
          optimizer: make(),
        });
        const { dataloaders } = small.learner;
        small.learner.dataloaders = { train: loaderOf(parts) as never };
        await small.learner.train({ epochs: 3 });
        const large = tinyLearner({ callbacks: clips, optimizer: make() });
        const { dataloaders: others } = large.learner;
        const windows = [curve(0, 6), curve(6, 2)];
        large.learner.dataloaders = { train: windows };
        await large.learner.train({ epochs: 3 });
        assertClose(numbersOf(small.model), numbersOf(large.model), 1e-5);
        assertEquals(steps.steps, 6, "each window is an update, between beforeStep and afterStep");
        tf.dispose([parts, windows, dataloaders, others] as never);
        small.dispose();
        large.dispose();
      }
    }
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });
}

Deno.test("GradientAccumulation keeps the window of an epoch that is cut short open for the next", async () => {
  const seen: number[] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new GradientAccumulation(3),
      {
        afterBatch: ({ epoch, batchIndex }) => void (epoch + batchIndex || learner.cancel("epoch")),
      },
      { beforeStep: ({ gradients }) => void seen.push(Object.keys(gradients).length) },
    ],
  });
  await learner.train({ epochs: 2 });
  assertEquals(seen, [0, 0, 2, 0, 2], "1 + 2 batches, then 2 that are left");
  dispose();
});

Deno.test("GradientStats sees the mean of accumulated gradients, before it is clipped", async () => {
  const stats = new GradientStats({ every: 2 });
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new GradientAccumulation(2),
      stats,
      new GradientClip({ value: 1e-9 }),
    ],
  });
  await learner.train();
  assertEquals(stats.records.map(({ step }) => step), [1, 1, 3, 3]);
  assert(stats.records.every(({ mean }) => Math.abs(mean) > 1e-6));
  dispose();
});

const clone = ([data, labels]: [tf.Tensor, tf.Tensor]) => [data.clone(), labels.clone()];

Deno.test("GradientAccumulation makes one update for each window, which MaxSteps counts", async () => {
  const steps = new MaxSteps(100);
  const { learner, dispose } = tinyLearner({ callbacks: [new GradientAccumulation(3), steps] });
  await learner.train({ epochs: 2 });
  assertEquals([steps.steps, learner.optimizer.iterations], [4, 4]);
  dispose();
});

Deno.test("GradientAccumulation drops its window when the training is cancelled", async () => {
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new GradientAccumulation(3),
      { afterBatch: (learner) => void learner.cancel("train") },
    ],
  });
  await learner.train();
  assertEquals(learner.optimizer.iterations ?? 0, 0);
  dispose();
});

Deno.test("GradientAccumulation continues from its state", async () => {
  let state: unknown;
  const first = new GradientAccumulation(2);
  const { learner, model, dispose } = tinyLearner({
    callbacks: [first, { afterBatch: () => void (state ??= copyState(first.state())) }],
    optimizer: sgd(0.1),
  });
  const weights = model.getWeights().map((weight) => weight.clone());
  await learner.train();
  const expected = numbersOf(model);
  model.setWeights(weights);
  const second = new GradientAccumulation(2);
  learner.callbacks = [second, {
    beforeBatch: ({ batchIndex }) => void (batchIndex || second.restore(state)),
  }];
  learner.dataloaders.train = (learner.dataloaders.train as never[]).slice(1);
  await learner.train();
  assertEquals(numbersOf(model), expected);
  tf.dispose(weights);
  dispose();
});

const deep = () => [
  tf.layers.dense({ units: 2, inputShape: [1], name: "body" }),
  tf.layers.dense({ units: 1, name: "head" }),
];

for (
  const [name, make] of [["adam", () => adam(0.1)], [
    "tf.train.adam",
    () => tf.train.adam(0.1),
  ]] as const
) {
  Deno.test(`Freeze keeps the moments of ${name} with their weights when it thaws`, async () => {
    const history: number[][] = [];
    const subject = tinyLearner({
      callbacks: [
        new Freeze("body", { until: 2 }),
        { afterEpoch: () => void history.push(numbersOf(subject.model)) },
      ],
      layers: deep,
      optimizer: make(),
    });
    const before = numbersOf(subject.model);
    const seen: string[][] = [];
    subject.learner.callbacks.push({
      afterBackward: ({ gradients }) => void seen.push(Object.keys(gradients)),
    });
    await subject.learner.train({ epochs: 3 });
    const body = (numbers: number[]) => numbers.slice(0, 4);
    assertEquals(body(history[0]), body(before));
    assertEquals(body(history[1]), body(before));
    assert(body(history[2]).every((x, index) => index > 1 || x !== before[index]));
    assertEquals(seen[0].length, 2);
    assertEquals(seen[8].length, 4);
    const memory = await subject.learner.optimizer.getWeights();
    for (const { name, tensor } of memory) {
      const variable = name.match(/^(.*)\/(m|v)$/)?.[1];
      if (!variable) continue;
      const weight = subject.model.weights.find((weight) => weight.name === variable)!;
      assertEquals(tensor.shape, weight.shape as number[], name);
    }
    if (name === "adam") memory.forEach(({ tensor }) => tensor.dispose());
    subject.dispose();
  });
}

Deno.test("Freeze matches layers, weights, patterns and models within the model", async () => {
  const frozen = async (match: string | RegExp | (string | RegExp)[]) => {
    let seen: string[] = [];
    const subject: TinyLearner = tinyLearner({
      callbacks: [new Freeze(match), {
        afterBackward: ({ gradients }) => void (seen = Object.keys(gradients)),
      }],
      layers: () => [
        tf.sequential({ name: "encoder", layers: deep() }) as never as tf.layers.Layer,
        tf.layers.dense({ units: 1, name: "last" }),
      ],
    });
    await subject.learner.train();
    subject.dispose();
    return seen.map((name) => name.replace(/_\d+$/, ""));
  };
  const last = ["last/kernel", "last/bias"];
  const head = ["head/kernel", "head/bias"];
  assertEquals(await frozen("encoder"), last);
  assertEquals(await frozen("body"), [...head, ...last]);
  assertEquals(await frozen([/^(body|head)/, "last/bias"]), ["last/kernel"]);
  const { learner, dispose } = tinyLearner({ callbacks: [new Freeze("hd")], layers: deep });
  await assertRejects(
    () => learner.train(),
    RangeError,
    "Cannot freeze weights as hd must be the name of a layer or weight: " +
      "there are body, body/kernel, body/bias, head, head/kernel, head/bias",
  );
  dispose();
});

Deno.test("WeightAverage is the moving average of the weights after each step", async () => {
  const steps: number[][] = [];
  const subject = tinyLearner({
    callbacks: [
      { afterStep: () => void steps.push(numbersOf(subject.model)) },
      new WeightAverage({ decay: 0.5 }),
    ],
  });
  await subject.learner.train({ epochs: 3 });
  let average: number[] | undefined;
  steps.forEach((weights, n) => {
    const decay = Math.min(0.5, (1 + n) / (10 + n));
    average = average
      ? average.map((old, index) => decay * old + (1 - decay) * weights[index])
      : weights;
  });
  assertClose(numbersOf(subject.model), average!, 1e-6);
  subject.dispose();
});

Deno.test("WeightAverage is validated and tested, and not trained on", async () => {
  const seen: Record<string, number[][]> = {};
  const note = (hook: string) => () => void (seen[hook] ??= []).push(numbersOf(subject.model));
  const subject: TinyLearner = tinyLearner({
    callbacks: [
      new WeightAverage({ method: "swa", startEpoch: 0 }),
      {
        priority: 1000,
        beforeEpoch: note("beforeEpoch"),
        afterEpoch: note("afterEpoch"),
        beforeValidationBatch: note("validation"),
        afterValidate: note("afterValidate"),
        beforeTestBatch: note("test"),
      },
    ],
  });
  await subject.learner.train({ epochs: 3 });
  const { beforeEpoch, afterEpoch, validation, afterValidate, test } = seen;
  assertEquals(beforeEpoch.slice(1), afterEpoch.slice(0, 2), "training continues from the average");
  const mean = (epochs: number) =>
    afterEpoch[0].map((_, i) =>
      afterEpoch.slice(0, epochs).reduce((sum, weights) => sum + weights[i], 0) / epochs
    );
  for (const epoch of [0, 1, 2]) {
    assertClose(validation[2 * epoch], mean(epoch + 1), 1e-6);
    assertEquals(afterValidate[epoch], validation[2 * epoch]);
  }
  assertClose(test[0], mean(3), 1e-6);
  assertEquals(numbersOf(subject.model), test[0]);
  subject.dispose();
});

for (const updateStatistics of [false, true]) {
  const does = updateStatistics
    ? "lets statistics follow the data if asked to"
    : "freezes statistics";
  Deno.test(`Freeze ${does}, and thaws batch normalisation`, async () => {
    const statistics: number[][] = [];
    const subject = tinyLearner({
      callbacks: [
        new Freeze("norm", { until: 1, updateStatistics }),
        {
          afterEpoch: ({ model }) => {
            const [, , mean, variance] = (model as tf.LayersModel).layers[0].getWeights();
            statistics.push([mean.dataSync()[0], variance.dataSync()[0]]);
          },
        },
      ],
      layers: () => [
        tf.layers.batchNormalization({ inputShape: [1], name: "norm" }),
        tf.layers.dense({ units: 1 }),
      ],
    });
    await subject.learner.train({ epochs: 2 });
    const [frozen, thawed] = statistics;
    if (updateStatistics) assertNotEquals(frozen, [0, 1]);
    else assertEquals(frozen, [0, 1]);
    assertNotEquals(thawed, frozen);
    subject.dispose();
  });
}

Deno.test("WeightAverage recomputes the statistics of batch normalisation", async () => {
  const subject = tinyLearner({
    callbacks: [new WeightAverage({ method: "swa", startEpoch: 0 })],
    layers: () => [
      tf.layers.batchNormalization({ inputShape: [1] }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  await subject.learner.train({ epochs: 2 });
  const [normalization] = subject.model.layers;
  const [, , mean, variance] = normalization.getWeights().map((weight) => weight.dataSync()[0]);
  // Batches of k/8 and (k + 1)/8: their means are 1/16, 5/16, 9/16, 13/16, all variances 1/256.
  assertAlmostEquals(mean, 28 / 64, 1e-6);
  assertAlmostEquals(variance, 1 / 256, 1e-6);
  assertEquals((normalization as never as { momentum: number }).momentum, 0.99);
  subject.dispose();
});

Deno.test("WeightAverage leaves the trained weights after an error", async () => {
  let trained: number[] = [];
  const subject = tinyLearner({
    callbacks: [
      new WeightAverage(),
      { afterStep: () => void (trained = numbersOf(subject.model)) },
      {
        afterValidationBatch() {
          throw new Error("a test");
        },
      },
    ],
  });
  await assertRejects(() => subject.learner.train(), Error, "a test");
  assertEquals(numbersOf(subject.model), trained);
  subject.dispose();
});

Deno.test("WeightAverage continues from its state, also with the average in the model", async () => {
  const states: unknown[] = [];
  const first = new WeightAverage({ decay: 0.9 });
  const a = tinyLearner({
    callbacks: [first, {
      priority: 600,
      afterEpoch: () => void states.push(copyState(first.state())),
      afterValidate: () => void states.push(copyState(first.state())),
    }],
    lossFunction: meanSquaredError,
    optimizer: sgd(0),
  });
  await a.learner.train({ epochs: 1 });
  for (const state of states as { swapped: boolean; updates: number; kept: tf.Tensor[] }[]) {
    const second = new WeightAverage({ decay: 0.9 });
    const kept = state.kept.map((tensor) => [...tensor.dataSync()]);
    second.restore(state, a.learner);
    const again = second.state() as typeof state;
    assertEquals([again.swapped, again.updates], [state.swapped, 4]);
    assertEquals(again.kept.map((tensor) => [...tensor.dataSync()]), kept);
    await second.afterTrain(a.learner);
  }
  assertEquals(states.map((state) => (state as { swapped: boolean }).swapped), [false, true]);
  a.dispose();
});
