/**
 * Models that were trained before: which weights are trained when, how fast, and what is put back.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type CallbackLike, type RunCheckpoint, sgd, tf } from "../../mod.ts";
import { fineTune, Freeze, GradualUnfreeze, LeakGuard } from "../../callbacks.ts";
import { assertNoTensorsLeft, testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { type AnyLearner, numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

/** Three dense layers without biases, with batch normalisation behind the first. */
const layers = () => [
  tf.layers.dense({ name: "a", units: 2, useBias: false, inputShape: [1] }),
  tf.layers.batchNormalization({ name: "norm" }),
  tf.layers.reLU({ name: "relu" }),
  tf.layers.dense({ name: "b", units: 2, useBias: false }),
  tf.layers.dense({ name: "c", units: 1, useBias: false }),
];

/** Notes the weights that each batch trains. */
function noteTrained(trained: string[]): CallbackLike {
  return {
    name: "Note",
    afterBackward({ gradients }: AnyLearner) {
      trained.push(Object.keys(gradients).map((name) => name.replace(/_\d+$/, "")).join(" "));
    },
  };
}

const SEQUENCES: Record<string, [() => GradualUnfreeze, string[]]> = {
  "one layer an epoch": [
    () => new GradualUnfreeze(),
    [
      "c/kernel",
      "b/kernel c/kernel",
      "norm/gamma norm/beta b/kernel c/kernel",
      "a/kernel norm/gamma norm/beta b/kernel c/kernel",
      "a/kernel norm/gamma norm/beta b/kernel c/kernel",
    ],
  ],
  "two groups of layers": [
    () => new GradualUnfreeze({ groups: 2, every: 2 }),
    [
      ...Array(2).fill("b/kernel c/kernel"),
      ...Array(3).fill("a/kernel norm/gamma norm/beta b/kernel c/kernel"),
    ],
  ],
  "groups by name, and the others last": [
    () => new GradualUnfreeze({ groups: [["norm", /gamma/, "relu"], "c"] }),
    [
      "c/kernel",
      "norm/gamma norm/beta c/kernel",
      ...Array(3).fill("a/kernel norm/gamma norm/beta b/kernel c/kernel"),
    ],
  ],
};

for (const [name, [make, expected]] of Object.entries(SEQUENCES)) {
  testTensors(`GradualUnfreeze trains ${name}, and puts everything back`, async () => {
    const trained: string[] = [];
    const subject = tinyLearner({
      layers,
      sizes: { train: 1 },
      callbacks: [make(), noteTrained(trained)],
    });
    const variables = subject.model.weights.map((weight) => weight.read() as tf.Variable);
    const before = variables.map(({ trainable }) => trainable);
    await subject.learner.train({ epochs: 5 });
    assertEquals(trained, expected);
    assertEquals(variables.map(({ trainable }) => trainable), before);
    await subject.learner.train({ epochs: 1 });
    assertEquals(trained.at(-1), expected[0], "a second training begins with the head again");
    // A cancel and an error put back, too.
    for (const action of [() => subject.learner.cancel("train"), () => assert(false, "a test")]) {
      subject.learner.callbacks.push({ afterBatch: () => void action() });
      await subject.learner.train({ epochs: 5 }).catch(() => {});
      assertEquals(variables.map(({ trainable }) => trainable), before);
    }
    subject.dispose();
  });
}

for (const updateStatistics of [false, true]) {
  const does = updateStatistics ? "moves them if asked to" : "keeps them until it unfreezes them";
  testTensors(`GradualUnfreeze and moving statistics: ${does}`, async () => {
    const statistics: number[][] = [];
    const subject = tinyLearner({
      layers,
      callbacks: [new GradualUnfreeze({ groups: ["norm", "c"], every: 2, updateStatistics }), {
        afterEpoch: () => {
          const [, , mean, variance] = subject.model.getLayer("norm").getWeights();
          statistics.push([...mean.dataSync(), ...variance.dataSync()]);
        },
      }],
    });
    await subject.learner.train({ epochs: 3 });
    const untouched = [0, 0, 1, 1];
    assertEquals(statistics.map((values) => String(values) === String(untouched)), [
      !updateStatistics,
      !updateStatistics,
      false,
    ]);
    subject.dispose();
  });
}

testTensors(
  "GradualUnfreeze leaves what the program froze frozen, also beside Freeze",
  async () => {
    const trained: string[] = [];
    const subject = tinyLearner({
      layers,
      sizes: { train: 1 },
      callbacks: [new GradualUnfreeze(), new Freeze("b", { until: 3 }), noteTrained(trained)],
    });
    subject.model.getLayer("norm").trainable = false;
    await subject.learner.train({ epochs: 4 });
    assertEquals(trained, ["c/kernel", "c/kernel", "c/kernel", "a/kernel b/kernel c/kernel"]);
    assertEquals(subject.model.getLayer("norm").trainable, false);
    subject.dispose();
  },
);

Deno.test("GradualUnfreeze refuses groups that cannot be", async () => {
  assertThrows(
    () => new GradualUnfreeze({ groups: 1 }),
    RangeError,
    "groups must be an integer >= 2",
  );
  assertThrows(() => new GradualUnfreeze({ groups: [] }), RangeError, "number of groups");
  assertThrows(
    () => new GradualUnfreeze({ every: 0 }),
    RangeError,
    "every must be an integer >= 1",
  );
  assertThrows(
    () => new GradualUnfreeze({ groups: [3 as never] }),
    TypeError,
    "a group must be a name, a pattern or a list of these: current value is 3",
  );
  for (
    const [groups, message] of [
      [9, "groups must be at most the number of layers with weights, 4: current value is 9"],
      [["d"], "d must be the name of a layer or weight"],
    ] as const
  ) {
    const subject = tinyLearner({ layers, callbacks: [new GradualUnfreeze({ groups })] });
    await assertRejects(() => subject.learner.train(), RangeError, message);
    subject.dispose();
  }
});

for (const scaled of [true, false]) {
  const kind = scaled ? "batch normalisation" : "batch normalisation without scale and offset";
  testTensors(`callbacks that freeze the same ${kind} overlap`, async () => {
    const moved: boolean[] = [];
    let before = "";
    const subject = tinyLearner({
      layers: () => [
        tf.layers.batchNormalization({
          name: "norm",
          inputShape: [1],
          scale: scaled,
          center: scaled,
        }),
        tf.layers.dense({ name: "head", units: 1 }),
      ],
      sizes: { train: 1 },
      callbacks: [
        new Freeze("norm", { until: 1, updateStatistics: true }),
        new Freeze(/norm/, { until: 2, updateStatistics: true }),
        new Freeze("norm", { until: 3 }),
        {
          afterEpoch: ({ model }: AnyLearner) => {
            const layer = (model as tf.LayersModel).getLayer("norm");
            const after = String(layer.getWeights().slice(-2).map((value) => value.dataSync()));
            moved.push(after !== before);
            before = after;
          },
        },
      ],
    });
    await subject.learner.train({ epochs: 4 });
    assertEquals(moved, [true, true, false, true]);
    subject.dispose();
  });
}

testTensors(
  "LeakGuard takes gradients and slots of weights that are unfrozen for no leak",
  async () => {
    for (const optimizer of [sgd(0.1, { momentum: 0.9 }), tf.train.adam(0.01)]) {
      const leaks: string[] = [];
      const guard = new LeakGuard({ onLeak: ({ message }) => void leaks.push(message) });
      const subject = tinyLearner({ layers, optimizer, callbacks: [new GradualUnfreeze(), guard] });
      await subject.learner.train({ epochs: 8 });
      assertEquals(leaks, []);
      subject.dispose();
    }
  },
);

testTensors("Freeze passes over layers without weights in a list of names", async () => {
  const trained: string[] = [];
  const subject = tinyLearner({ layers, sizes: { train: 1 } });
  const body = subject.model.layers.slice(0, -1).map(({ name }) => name);
  subject.learner.callbacks.push(new Freeze(body), noteTrained(trained));
  await subject.learner.train();
  assertEquals(trained, ["c/kernel"]);
  subject.dispose();
});

testTensors("fineTune() trains the head, then all, in a cycle each and by depth", async () => {
  const trained: string[] = [];
  const rates: number[] = [];
  const speeds: Record<string, number>[] = [];
  let before: Record<string, number> = {};
  const first = () =>
    Object.fromEntries(
      subject.model.trainableWeights.map((weight) => [
        weight.originalName.split("/")[0],
        weight.read().dataSync()[0],
      ]),
    );
  const optimizer = sgd(0.7);
  const subject = tinyLearner({
    layers: () => layers().filter(({ name }) => name !== "norm"),
    optimizer,
    callbacks: [noteTrained(trained), {
      beforeStep: ({ learningRate, gradients, model }) => {
        rates.push(learningRate);
        before = first();
        slopes = Object.fromEntries((model as tf.LayersModel).trainableWeights.map((weight) => [
          weight.originalName.split("/")[0],
          gradients[weight.name]?.dataSync()[0],
        ]));
      },
      afterStep: ({ learningRate }) => {
        const after = first();
        speeds.push(Object.fromEntries(
          Object.entries(slopes).map(([name, slope]) => [
            name,
            (before[name] - after[name]) / slope / learningRate,
          ]),
        ));
      },
    }],
  });
  let slopes: Record<string, number> = {};
  const { status } = await fineTune(subject.learner, {
    epochs: 2,
    frozenEpochs: 1,
    learningRate: 0.02,
    lowest: 0.04,
  });
  assertEquals(status, "completed");
  assertEquals(subject.learner.epoch, 3);
  assertEquals(trained, [
    ...Array(4).fill("c/kernel"),
    ...Array(8).fill("a/kernel b/kernel c/kernel"),
  ]);
  // The first cycle rises from a 25th, the second from a fifth of half the rate.
  assertAlmostEquals(rates[0], 0.02 / 25, 1e-12);
  assert(rates.slice(0, 4).every((rate, n) => n === 0 || rate > rates[n - 1]));
  assertAlmostEquals(rates[4], 0.01 / 5, 1e-12);
  const highest = Math.max(...rates.slice(4));
  assert(highest > 0.008 && highest <= 0.01, `${highest}`);
  assert(rates.at(-1)! < 0.002);
  const factors = { a: 0.04, b: 0.2, c: 1 };
  for (const [name, factor] of Object.entries(factors)) {
    // A weight without a gradient tells nothing.
    for (const speed of speeds.map((speed) => speed[name]).filter(Number.isFinite)) {
      assertAlmostEquals(speed / factor, 1, 0.02, name);
    }
  }
  assertAlmostEquals(speeds.at(-3)!.b, 0.2, 0.01);
  assertEquals([subject.learner.learningRate, optimizer.groups.length], [0.7, 0]);
  assertEquals(subject.learner.callbacks.length, 2);
  subject.dispose();
});

testTensors("fineTune() gives a head of several layers the full rate, and its epochs", async () => {
  const trained: string[] = [];
  const optimizer = sgd(0.1);
  let groups: unknown;
  const subject = tinyLearner({
    layers,
    optimizer,
    sizes: { train: 1 },
    callbacks: [noteTrained(trained), { beforeStep: () => void (groups = optimizer.groups) }],
  });
  await fineTune(subject.learner, { head: ["b", /^c$/], frozenEpochs: 2, lowest: 0.25 });
  assertEquals(trained, [
    ...Array(2).fill("b/kernel c/kernel"),
    "a/kernel norm/gamma norm/beta b/kernel c/kernel",
  ]);
  assertEquals((groups as { match: unknown }[]).slice(0, 2), [{ match: "b" }, { match: /^c$/ }]);
  subject.dispose();
});

testTensors("fineTune() resumes bit for bit from every batch", async () => {
  const options = { epochs: 2, frozenEpochs: 2, learningRate: 0.05, lowest: 0.1 };
  const make = (callbacks: CallbackLike[] = []) =>
    tinyLearner({ layers, sizes: { train: 2, validation: 1 }, callbacks });
  const checkpoints: RunCheckpoint[] = [];
  const whole = make([{
    priority: 1e6,
    async afterBatch(learner: AnyLearner) {
      checkpoints.push(await learner.checkpoint());
    },
  }]);
  const { metrics } = await fineTune(whole.learner, options);
  assertEquals(checkpoints.length, 8);
  for (const from of checkpoints) {
    const rest = make();
    assertEquals((await fineTune(rest.learner, { ...options, from })).metrics, metrics);
    assertEquals(numbersOf(rest.model), numbersOf(whole.model));
    rest.dispose();
  }
  whole.dispose();
});

testTensors("fineTune() keeps the groups that the optimizer has", async () => {
  const groups = [{ match: "a", learningRateFactor: 0 }];
  const optimizer = sgd(0.1, { groups });
  const subject = tinyLearner({ layers, optimizer });
  const kernel = () => [...subject.model.getLayer("a").getWeights()[0].dataSync()];
  const before = kernel();
  await fineTune(subject.learner);
  assertEquals(kernel(), before);
  assertEquals(optimizer.groups, groups);
  subject.dispose();
});

Deno.test("fineTune() refuses what it cannot do, and changes nothing", async () => {
  const none = () => ({});
  const refused: [() => object, object, typeof Error, string][] = [
    [none, { epochs: 0 }, RangeError, "Cannot fine-tune as epochs must be an integer >= 1"],
    [none, { learningRate: 0 }, RangeError, "learningRate must be finite and > 0"],
    [none, { lowest: 2 }, RangeError, "lowest must be"],
    [none, { head: "d" }, RangeError, "d must be the name of a layer or weight"],
    [none, { head: /./ }, RangeError, "head must match a part of the weights: it matches 7 of 7"],
    [none, { head: "relu" }, RangeError, "it matches 0 of 7"],
    [() => ({ optimizer: tf.train.adam(0.1) }), {}, TypeError, "the optimizer must be adam, adamW"],
  ];
  for (const [parts, options, type, message] of refused) {
    await assertNoTensorsLeft(async () => {
      const subject = tinyLearner({ layers, ...parts() });
      await assertRejects(() => fineTune(subject.learner, options), type, message);
      const variables = subject.model.trainableWeights.map((weight) =>
        weight.read() as tf.Variable
      );
      assertEquals(variables.map(({ trainable }) => trainable), Array(5).fill(true));
      subject.dispose();
    });
  }
  const line = tinyLearner({ kind: "line" });
  await assertRejects(() => fineTune(line.learner), TypeError, "head must be given");
  line.dispose();
});

testTensors(
  "fineTune() trains with an optimizer of TensorFlow.js if all rates are equal",
  async () => {
    const subject = tinyLearner({ layers, optimizer: tf.train.adam(0.1) });
    assertEquals((await fineTune(subject.learner, { lowest: 1 })).status, "completed");
    subject.dispose();
  },
);

testTensors("Learner says that a GraphModel is a fixed extractor", () => {
  const model = new tf.GraphModel("missing.json");
  assertThrows(
    () => tinyLearner({ model: model as never }),
    TypeError,
    "Cannot make a Learner as model must be one that can be trained: a tf.GraphModel is fixed. " +
      "Extract features by it in a TransformBatch, and train a head on them.",
  );
});
