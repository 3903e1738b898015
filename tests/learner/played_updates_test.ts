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

import { batchTensorsOf } from "../../src/learner/batch_tensors.ts";
import { readOptimizer } from "../../src/optimizers/optimizer_state.ts";

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
  const { slots = {}, fields = {} } = readOptimizer(optimizer);
  const stock = Object.values(fields).flat().filter((part) => part instanceof tf.Tensor);
  const numbers = [...model.getWeights(), ...Object.values(slots), ...stock].map((tensor) =>
    Array.from(tensor.dataSync())
  );
  tf.dispose(slots);
  model.dispose();
  optimizer.dispose();
  // tf.train.momentum() leaves its learning rate behind.
  const { c } = optimizer as unknown as { c?: tf.Scalar };
  if (c && !c.isDisposed) c.dispose();
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
  "tf.train.rmsprop() of centered gradients": () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-5, true),
  "tf.train.sgd()": () => tf.train.sgd(0.1),
  "tf.train.momentum()": () => tf.train.momentum(0.1, 0.9, true),
  "tf.train.adagrad()": () => tf.train.adagrad(0.1),
  "tf.train.adadelta()": () => tf.train.adadelta(0.1),
  "tf.train.adamax()": () => tf.train.adamax(0.01),
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
  "with a constraint from some step on": ({ model }) => {
    const [kernel] = (model as tf.LayersModel).layers[0].trainableWeights;
    Object.assign(kernel, { constraint: tf.constraints.maxNorm({ maxValue: 0.5 }) });
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

/** Trains by an optimizer; returns the number of steps that were played back without gradients as tensors. */
async function stepsWithoutGradients(options: Way["options"]): Promise<number> {
  let count = 0;
  const look: CallbackLike = {
    name: "counts",
    afterStep(learner: AnyLearner) {
      if (batchTensorsOf(learner).late("gradients")) count++;
    },
  };
  await train({ options: { ...options, callbacks: [look] } });
  return count;
}

Deno.test("optimizers take gradients that are no tensors", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  for (const [name, make] of Object.entries(OPTIMIZERS)) {
    assertEquals(await stepsWithoutGradients({ optimizer: make() }), 15, name);
  }
  await tf.setBackend("cpu");
});

/** A model of two parts. */
function buildParts() {
  const encoder = tf.sequential({ layers: [dense({ units: 6, inputShape: [5] })] });
  const decoder = tf.sequential({ layers: [dense({ units: 3, inputShape: [6] })] });
  const parts = { encoder, decoder };
  return {
    ...parts,
    apply: (x: tf.Tensor) => decoder.apply(encoder.apply(x)) as tf.Tensor,
    trainableVariables: Object.values(parts).flatMap(({ trainableWeights }) =>
      trainableWeights.map((weight) => weight.read() as tf.Variable)
    ),
    getWeights: () => Object.values(parts).flatMap((part) => part.getWeights()),
    dispose: () => Object.values(parts).forEach((part) => part.dispose()),
  };
}

const PARTS: Record<string, () => Record<string, tf.Optimizer>> = {
  "one of Trainchart and one of TensorFlow.js": () => ({
    encoder: adam(0.01),
    decoder: tf.train.momentum(0.1, 0.9),
  }),
  "an optimizer whose method is replaced": () => {
    const [encoder, decoder] = [sgd(0.1), sgd(0.2)];
    const { applyGradients } = decoder;
    decoder.applyGradients = function (gradients) {
      for (const gradient of Object.values(gradients)) assert(gradient instanceof tf.Tensor);
      applyGradients.call(this, gradients);
    };
    return { encoder, decoder };
  },
};
for (const [name, make] of Object.entries(PARTS)) {
  Deno.test(`played steps update parts by ${name} as others do`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const { numTensors } = tf.memory();
    const run = async (compile: boolean) => {
      const model = withSeed(3, buildParts);
      const optimizer = make();
      let late = 0;
      const look: CallbackLike = {
        name: "counts",
        afterStep(learner: AnyLearner) {
          if (batchTensorsOf(learner).late("gradients")) late++;
        },
      };
      const learner = new Learner<Any, Any, Any>({
        model: model as Any,
        optimizer,
        lossFunction: crossEntropy,
        dataloaders: { train: batches },
        callbacks: [look],
        compile,
      });
      await learner.train({ epochs: 3 });
      const numbers = model.getWeights().map((tensor) => Array.from(tensor.dataSync()));
      model.dispose();
      learner.optimizer.dispose();
      for (const part of Object.values(optimizer)) {
        const { c } = part as unknown as { c?: tf.Scalar };
        if (c && !c.isDisposed) c.dispose();
      }
      return { numbers, late };
    };
    const eager = await run(false), played = await run(true);
    assertEquals(played.numbers, eager.numbers);
    assertEquals([eager.late, played.late], [0, name.startsWith("one of") ? 15 : 0]);
    assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
    await tf.setBackend("cpu");
  });
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
