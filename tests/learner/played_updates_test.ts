/**
 * Updates of the weights in steps that are played back: gradients are tensors only where something
 * reads them, and weights become the same, bit for bit.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  adam,
  adamW,
  type AnyLearner,
  type CallbackLike,
  crossEntropy,
  Learner,
  type LearnerOptions,
  rmsprop,
  selectBackend,
  sgd,
  SlotOptimizer,
  tf,
  withSeed,
} from "../../mod.ts";
import {
  Freeze,
  GradientAccumulation,
  GradientClip,
  LearningRateSchedule,
  WeightAverage,
} from "../../callbacks.ts";

// The WebAssembly backend reads its files.
const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

// deno-lint-ignore no-explicit-any -- models, batches and losses of any kind
type Any = any;

const { dense, batchNormalization } = tf.layers;

/** Layers with a regularizer, a constraint and averages. */
function build(): tf.Sequential {
  return tf.sequential({
    layers: [
      dense({ units: 7, inputShape: [5], activation: "relu", kernelRegularizer: "l1l2" }),
      batchNormalization(),
      dense({ units: 6, name: "middle", kernelConstraint: tf.constraints.maxNorm({}) }),
      dense({ units: 3 }),
    ],
  });
}

function* batches(): Iterable<Any> {
  for (let seed = 1; seed <= 6; seed++) {
    yield [
      tf.randomUniform([4, 5], -1, 1, "float32", seed),
      tf.tidy(() => tf.randomUniform([4], 0, 3, "float32", seed).floor().toInt()),
    ];
  }
}

interface Way {
  compile?: false;
  options: Partial<LearnerOptions<Any, Any, Any>>;
}

/** Trains; returns all that comes out, and the number of steps that were played back. */
async function train({ compile, options }: Way): Promise<[numbers: unknown, played: number]> {
  const model = withSeed(3, build);
  let played = 0;
  const losses: number[] = [];
  const look: CallbackLike = {
    name: "looks on",
    afterStep(learner: AnyLearner) {
      if (learner.stepState!.way === "played") played++;
      losses.push(learner.loss.dataSync()[0]);
    },
  };
  const learner = new Learner<Any, Any, Any>({
    model,
    optimizer: adam(0.01),
    lossFunction: crossEntropy,
    dataloaders: { train: batches },
    seed: 5,
    ...options,
    callbacks: [...options.callbacks ?? [], look],
    ...compile === false && { compile },
  });
  await learner.train({ epochs: 3 });
  const { optimizer } = learner;
  const state = optimizer instanceof SlotOptimizer ? optimizer.state() : {};
  const numbers = [...model.getWeights(), ...Object.values(state)].map((tensor) =>
    Array.from(tensor.dataSync())
  );
  tf.dispose(state);
  model.dispose();
  optimizer.dispose();
  return [[losses, numbers], played];
}

/** Asserts that both ways come to the same, and that steps were played back. */
function testSame(name: string, options: () => Way["options"], least = 12): void {
  Deno.test(`played steps update weights as others do ${name}`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    try {
      const { numTensors } = tf.memory();
      const [eager] = await train({ compile: false, options: options() });
      const [numbers, played] = await train({ options: options() });
      assertEquals(numbers, eager);
      assert(played >= least, `${played} steps were played back`);
      assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
    } finally {
      await tf.setBackend("cpu");
    }
  });
}

const group = { match: "middle", learningRateFactor: 0.3, weightDecay: 0.1 };
const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  "adam()": () => adam(0.01, { weightDecay: 0.1 }),
  "adamW()": () => adamW(0.01),
  "sgd()": () => sgd(0.1),
  "sgd() with Nesterov's momentum": () =>
    sgd(0.1, { momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  "rmsprop()": () => rmsprop(0.01),
  "rmsprop() with momentum": () => rmsprop(0.01, { momentum: 0.5 }),
  "adam() with a group": () => adam(0.01, { groups: [group] }),
  "tf.train.adam()": () => tf.train.adam(0.01),
  "tf.train.rmsprop()": () => tf.train.rmsprop(0.01),
};
for (const [name, make] of Object.entries(OPTIMIZERS)) {
  testSame(`by ${name}`, () => ({ optimizer: make() }));
}

const CALLBACKS: Record<string, () => CallbackLike[]> = {
  "with a rate for each batch": () => [
    new LearningRateSchedule((progress) => 0.1 * (1 - progress), {
      by: "batch",
      batchesPerEpoch: 6,
    }),
  ],
  "with clipped gradients": () => [new GradientClip({ norm: 0.5, value: 0.2 })],
  "with accumulated gradients": () => [new GradientAccumulation(2)],
  "with averaged weights": () => [new WeightAverage({ decay: 0.9 })],
  "with a frozen layer": () => [new Freeze("middle")],
};
for (const [name, make] of Object.entries(CALLBACKS)) {
  testSame(name, () => ({ callbacks: make() }));
}

/** Changes that a callback makes in some steps, and not in others. */
const CHANGES: Record<string, (learner: AnyLearner) => void> = {
  "with gradients that are read now and then": ({ gradients }) => {
    tf.tidy(() => Object.values(gradients).map((gradient) => gradient.sum().dataSync()));
  },
  "with gradients that are replaced now and then": (learner) => {
    learner.gradients = tf.tidy(() =>
      Object.fromEntries(
        Object.entries(learner.gradients).map(([name, gradient]) => [name, gradient.mul(0.5)]),
      )
    );
  },
  "with steps without gradients": (learner) => {
    learner.gradients = {};
  },
  "with another optimizer": (learner) => {
    learner.optimizer.dispose();
    learner.optimizer = sgd(0.1, { momentum: 0.9 });
  },
  "with a changed momentum": ({ optimizer }) => {
    (optimizer as unknown as { beta1: number }).beta1 *= 0.9;
  },
  "with new values": ({ model }) => {
    tf.tidy(() =>
      (model as tf.LayersModel).setWeights(
        (model as tf.LayersModel).getWeights().map((weight) => weight.mul(0.9)),
      )
    );
  },
  "with a weight that is frozen now and then": ({ model, batchIndex }) => {
    const [layer] = (model as tf.LayersModel).layers;
    layer.trainable = batchIndex % 2 === 1;
  },
};
for (const [name, change] of Object.entries(CHANGES)) {
  testSame(name, () => {
    const callback: CallbackLike = {
      name: "changes",
      beforeStep(learner: AnyLearner) {
        if (learner.batchIndex % 3 === 1) change(learner);
      },
    };
    return { callbacks: [callback] };
  }, 6);
}

testSame("with clones of gradients, predictions and weights that are kept", () => {
  const kept: tf.Tensor[] = [], values: number[][] = [];
  const callback: CallbackLike = {
    name: "keeps",
    afterBatch(learner: AnyLearner) {
      if (learner.batchIndex % 2) return;
      const [weight] = (learner.model as tf.LayersModel).getWeights();
      const all = [...Object.values(learner.gradients), learner.predictions, weight];
      for (const tensor of all) {
        kept.push(tensor.clone());
        values.push(Array.from(tensor.dataSync()));
      }
    },
    afterTrain() {
      assertEquals(kept.map((tensor) => Array.from(tensor.dataSync())), values);
      assertNotEquals(values[0], values[kept.length / 9]);
      tf.dispose(kept);
    },
  };
  return { callbacks: [callback] };
});

testSame("by an optimizer whose method is replaced", () => {
  const optimizer = adam(0.01);
  const { applyGradients } = optimizer;
  let calls = 0;
  optimizer.applyGradients = function (gradients) {
    calls++;
    for (const gradient of Object.values(gradients)) assert(gradient instanceof tf.Tensor);
    applyGradients.call(this, gradients);
  };
  return { optimizer, callbacks: [{ name: "counts", afterTrain: () => assertEquals(calls, 18) }] };
});

testSame("by a stage of the user's", () => ({
  stages: {
    update({ optimizer, gradients }: AnyLearner) {
      assertEquals(Object.keys(gradients).length, 8);
      optimizer.applyGradients(gradients);
    },
  },
}));
