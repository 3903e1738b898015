/**
 * The law of every layer with a state: wherever the run was cut, another Learner continues it bit for
 * bit, whether steps are compiled or not.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  adam,
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  Learner,
  loadCheckpoint,
  meanSquaredError,
  type RunCheckpoint,
  saveCheckpoint,
  selectBackend,
  tf,
  withSeed,
} from "../../mod.ts";
import {
  ActivationStats,
  LearningRateFinder,
  SanityCheck,
  WeightAverage,
} from "../../callbacks.ts";
import { statesOf } from "../../src/model/layers.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import type { AnyLearner } from "../fixtures/tiny_learner.ts";

const { layers } = tf;
const { state: read } = await Deno.permissions.query({ name: "read" });

const BATCH = 4;
const STATEFUL = { stateful: true, returnSequences: true };

// deno-lint-ignore no-explicit-any -- layers of any kind
type Any = any;

/** The layers before the last one, and the shape of the batches that they take. */
const TABLE: Record<string, { shape?: number[]; make: (first: Any) => tf.layers.Layer[] }> = {
  lstm: { make: (first) => [layers.lstm({ units: 3, ...STATEFUL, ...first })] },
  gru: { make: (first) => [layers.gru({ units: 3, ...STATEFUL, ...first })] },
  simpleRNN: { make: (first) => [layers.simpleRNN({ units: 3, ...STATEFUL, ...first })] },
  "lstm without a kernel": {
    make: (first) => [layers.lstm({ units: 3, activation: "selu", ...STATEFUL, ...first })],
  },
  "rnn of two cells": {
    make: (first) => [
      layers.rnn({
        cell: [layers.lstmCell({ units: 4, dropout: 0.3 }), layers.gruCell({ units: 3 })],
        ...STATEFUL,
        ...first,
      }),
    ],
  },
  bidirectional: {
    make: (first) => [
      layers.bidirectional({ layer: layers.gru({ units: 3, ...STATEFUL }) as Any, ...first }),
    ],
  },
  timeDistributed: {
    shape: [BATCH, 2, 5, 3],
    make: (first) => [
      layers.timeDistributed({ layer: layers.lstm({ units: 3, stateful: true }), ...first }),
    ],
  },
  "a model in the model": {
    make: (first) => [
      tf.sequential({ layers: [layers.lstm({ units: 3, ...STATEFUL, ...first })] }),
      layers.gru({ units: 2, ...STATEFUL }),
    ],
  },
  convLstm2d: {
    shape: [BATCH, 3, 4, 4, 2],
    make: (first) => [
      layers.convLstm2d({ filters: 2, kernelSize: 2, stateful: true, ...first }) as Any,
      layers.flatten(),
    ],
  },
  "batch normalisation in a wrapper": {
    make: (first) => [
      layers.timeDistributed({ layer: layers.batchNormalization(), ...first }),
      layers.timeDistributed({
        layer: tf.sequential({
          layers: [layers.dense({ units: 3, inputShape: [3] }), layers.batchNormalization()],
        }),
      }),
    ],
  },
};

/** A Learner, and what can be seen of a run. */
interface Seen {
  losses: number[];
  numbers: number[][];
}

interface Options {
  from?: RunCheckpoint;
  compile?: boolean;
  callbacks?: CallbackLike[];
  /** Makes the model. Default: with states. */
  batch?: number;
}

function learnerOf(name: string, { compile, callbacks = [], batch = BATCH }: Options): AnyLearner {
  const { shape: [, ...inner] = [BATCH, 5, 3], make } = TABLE[name];
  const shape = [batch, ...inner];
  const model = withSeed(
    1,
    () =>
      tf.sequential({ layers: [...make({ batchInputShape: shape }), layers.dense({ units: 1 })] }),
  );
  const loader = function* (): Iterable<[tf.Tensor, tf.Tensor]> {
    for (let seed = 1; seed <= 5; seed++) {
      const labels = tf.ones([batch, ...model.outputs[0].shape.slice(1)] as number[]);
      yield [tf.randomUniform(shape, -1, 1, "float32", seed), labels];
    }
  };
  return new Learner({
    model,
    optimizer: adam(0.05),
    lossFunction: meanSquaredError,
    dataloaders: { train: loader, validation: loader, test: loader },
    callbacks,
    seed: 3,
    compile,
  });
}

/** Runs a training, and disposes everything. */
async function run(name: string, options: Options): Promise<Seen> {
  const losses: number[] = [];
  const note = ({ loss }: AnyLearner) => void losses.push(loss.dataSync()[0]);
  const log = { afterBatch: note, afterValidationBatch: note, afterTestBatch: note };
  const learner = learnerOf(name, { ...options, callbacks: [log, ...options.callbacks ?? []] });
  const { from } = options;
  await learner.train(from ? { from } : { epochs: 2, validationBatches: 4 });
  return { losses, numbers: numbersOf(learner) };
}

/** The weights and states of a model, which is disposed. */
function numbersOf(learner: AnyLearner): number[][] {
  const model = learner.model as tf.LayersModel;
  const tensors = [...model.getWeights(), ...statesOf(model)];
  const numbers = tensors.map((tensor) => Array.from(tensor.dataSync()));
  model.dispose();
  learner.optimizer.dispose();
  return numbers;
}

/** Takes a checkpoint after every batch and every pass. */
function cutter(): {
  cuts: { checkpoint: RunCheckpoint; losses: number }[];
  callback: CallbackLike;
} {
  const cuts: { checkpoint: RunCheckpoint; losses: number }[] = [];
  let losses = 0;
  const cut = async (learner: AnyLearner) => {
    cuts.push({ checkpoint: await learner.checkpoint(), losses });
  };
  const count = async (learner: AnyLearner) => {
    losses++;
    await cut(learner);
  };
  return {
    cuts,
    callback: {
      priority: 1e6,
      afterBatch: count,
      afterValidationBatch: count,
      afterTestBatch: count,
      afterEpoch: cut,
      afterValidate: cut,
      afterTrain: cut,
    },
  };
}

for (const name of Object.keys(TABLE)) {
  const onCpu = ["lstm", "bidirectional", "batch normalisation in a wrapper"].includes(name);
  for (const backend of onCpu ? ["cpu", "wasm"] as const : ["wasm"] as const) {
    const ignore = backend === "wasm" && read !== "granted";
    Deno.test(`${name} continues wherever a run was cut [${backend}]`, { ignore }, async () => {
      await selectBackend({ prefer: backend, quiet: true });
      await assertNoTensorsLeft(async () => {
        const { cuts, callback } = cutter();
        const whole = await run(name, { callbacks: [callback] });
        assertEquals(await run(name, { compile: false }), whole, "checkpoints change nothing");
        for (const [index, { checkpoint, losses }] of cuts.entries()) {
          if (index % (backend === "cpu" ? 7 : 3) !== 0) continue;
          const compile = index % 2 === 0 ? undefined : false;
          const resumed = await run(name, { from: checkpoint, compile });
          assertEquals(resumed.losses, whole.losses.slice(losses), `${index}`);
          assertEquals(resumed.numbers, whole.numbers, `${index}`);
        }
      });
    });
  }
}

Deno.test("a checkpoint file keeps the states of recurrent layers", {
  ignore: read !== "granted",
}, async () => {
  await tf.setBackend("cpu");
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await assertNoTensorsLeft(async () => {
      const save: CallbackLike = {
        async afterValidationBatch(learner) {
          if (learner.batchIndex === 2) await saveCheckpoint(path, await learner.checkpoint());
        },
      };
      const whole = await run("lstm", { callbacks: [save] });
      const resumed = await run("lstm", { from: await loadCheckpoint(path) });
      assertEquals(resumed.numbers, whole.numbers);
    });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a validation and a test begin with zeros, and leave the states of the training alone", async () => {
  await tf.setBackend("cpu");
  await assertNoTensorsLeft(async () => {
    const alone = learnerOf("lstm", {});
    alone.dataloaders = { train: alone.dataloaders.train };
    await alone.train({ epochs: 2 });
    const learner = learnerOf("lstm", { callbacks: [new SanityCheck(), new ActivationStats()] });
    await new LearningRateFinder({ steps: 10, to: 1e-3 }).find(learner);
    await learner.train({ epochs: 2, validationBatches: 2 });
    const { validationLoss } = learner;
    assertEquals((await learner.validate()).validationLoss, validationLoss);
    assertEquals((await learner.validate()).validationLoss, validationLoss);
    assertEquals(numbersOf(learner), numbersOf(alone));
  });
});

Deno.test("predict() continues with the states of the layers", async () => {
  await tf.setBackend("cpu");
  await assertNoTensorsLeft(async () => {
    const learner = learnerOf("lstm", {});
    const data = tf.ones([BATCH, 5, 3]);
    const predict = async () => {
      const predictions = await learner.predict(data) as tf.Tensor;
      const numbers = Array.from(predictions.dataSync());
      predictions.dispose();
      return numbers;
    };
    const first = await predict();
    assertNotEquals(await predict(), first);
    (learner.model as tf.LayersModel).resetStates();
    assertEquals(await predict(), first);
    data.dispose();
    numbersOf(learner);
  });
});

Deno.test("a callback that resets states between epochs does so in a resumed run", async () => {
  await tf.setBackend("cpu");
  await assertNoTensorsLeft(async () => {
    const reset: CallbackLike = {
      beforeEpoch: ({ model }) => (model as tf.LayersModel).resetStates(),
    };
    const { cuts, callback } = cutter();
    const whole = await run("gru", { callbacks: [reset, callback] });
    assertNotEquals((await run("gru", {})).numbers, whole.numbers);
    for (const { checkpoint, losses } of cuts.slice(1, 9)) {
      const resumed = await run("gru", { from: checkpoint, callbacks: [reset] });
      assertEquals(resumed.losses, whole.losses.slice(losses));
      assertEquals(resumed.numbers, whole.numbers);
    }
  });
});

Deno.test("a checkpoint without states of recurrent layers leaves them as they are, and warns", async () => {
  await tf.setBackend("cpu");
  const { warn } = console;
  const warnings: string[] = [];
  console.warn = (text: string) => warnings.push(text);
  try {
    await assertNoTensorsLeft(async () => {
      const { cuts, callback } = cutter();
      await run("simpleRNN", { callbacks: [callback] });
      const { checkpoint } = cuts[1];
      const { run: place, ...others } = checkpoint.state as { run: object };
      const { layerStates: _, ...older } = place as Record<string, unknown>;
      const from = { ...checkpoint, state: { ...others, run: older } };
      await run("simpleRNN", { from });
    });
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings.length, 1);
  assert(
    /without the states of simple_rnn_\w+: they stay as they are/.test(warnings[0]),
    warnings[0],
  );
});

Deno.test("a checkpoint with states of other shapes is refused before anything changes", async () => {
  await tf.setBackend("cpu");
  await assertNoTensorsLeft(async () => {
    const { cuts, callback } = cutter();
    await run("lstm", { callbacks: [callback] });
    const { checkpoint } = cuts[1];
    const tensors = new Map(checkpoint.tensors);
    const name = [...tensors.keys()].find((name) => name.includes("layerStates"))!;
    const { values, shape, ...others } = tensors.get(name)!;
    tensors.set(name, {
      ...others,
      values: values.slice(0, values.length / 2),
      shape: [2, shape[1]],
    });
    const learner = learnerOf("lstm", {});
    const error = await assertRejects(
      () => learner.train({ from: { ...checkpoint, tensors } }),
      Error,
    );
    assert(
      error.message.includes(
        "the states of recurrent layers are [2,3] [4,3] in the checkpoint, [4,3] [4,3] in lstm_",
      ),
      error.message,
    );
    assert(
      statesOf(learner.model).every((state) => state.dataSync().every((value) => value === 0)),
    );
    numbersOf(learner);
  });
});

Deno.test("WeightAverage refreshes statistics of wrapped batch normalisation, and no states", async () => {
  await tf.setBackend("cpu");
  await assertNoTensorsLeft(async () => {
    const name = "batch normalisation in a wrapper";
    const average = new WeightAverage({ method: "swa", startEpoch: 0 });
    const learner = learnerOf(name, { callbacks: [average] });
    await learner.train({ epochs: 2 });
    const [, , mean] = (learner.model as tf.LayersModel).layers[0].getWeights();
    // The mean of all steps in time of the five batches.
    const expected = tf.tidy(() => {
      const batches = [1, 2, 3, 4, 5].map((seed) =>
        tf.randomUniform([BATCH, 5, 3], -1, 1, "float32", seed)
      );
      return tf.concat(batches).mean([0, 1]).arraySync() as number[];
    });
    const actual = Array.from(mean.dataSync());
    for (const [index, value] of actual.entries()) {
      assert(Math.abs(value - expected[index]) < 1e-6, `${actual} ${expected}`);
    }
    numbersOf(learner);
  });
});

/** A model of the user's own, whose layers are in its properties. */
function ownModel() {
  const model = withSeed(1, () => {
    const lstm = layers.lstm({ units: 3, stateful: true, batchInputShape: [2, 3, 2] });
    const parts = { lstm, heads: [layers.dense({ units: 1, inputShape: [3] })] };
    const apply = (data: tf.Tensor, options: { training: boolean }) =>
      parts.heads[0].apply(parts.lstm.apply(data, options)) as tf.Tensor;
    tf.tidy(() => void apply(tf.zeros([2, 3, 2]), { training: false }));
    lstm.resetStates();
    return { parts, apply };
  });
  const all = [model.parts.lstm, ...model.parts.heads];
  return Object.assign(model, {
    trainableVariables: all.flatMap(({ trainableWeights }) =>
      trainableWeights.map((weight) => weight.read() as tf.Variable)
    ),
    dispose: () => all.forEach((layer) => layer.dispose()),
  });
}

Deno.test("layers in the properties of a model keep their states in checkpoints, compiled or not", {
  ignore: read !== "granted",
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  await assertNoTensorsLeft(async () => {
    const train = async (compile: boolean, callbacks: CallbackLike[], from?: RunCheckpoint) => {
      const losses: number[] = [];
      const model = ownModel();
      const learner: AnyLearner = new Learner<Any, Any, Any>({
        model,
        optimizer: adam(0.05),
        lossFunction: meanSquaredError,
        compile,
        seed: 2,
        dataloaders: {
          train: function* (): Iterable<[tf.Tensor, tf.Tensor]> {
            for (let seed = 1; seed <= 7; seed++) {
              yield [tf.randomUniform([2, 3, 2], -1, 1, "float32", seed), tf.ones([2, 1])];
            }
          },
        },
        callbacks: [
          { afterBatch: ({ loss }) => void losses.push(loss.dataSync()[0]) },
          ...callbacks,
        ],
      });
      await learner.train(from ? { from } : { epochs: 2 });
      const { way } = learner.stepState!;
      learner.optimizer.dispose();
      model.dispose();
      return { losses, way };
    };
    const { cuts, callback } = cutter();
    const whole = await train(true, [callback]);
    assertEquals(whole.way, "played");
    for (const compile of [true, false]) {
      for (const { checkpoint, losses } of [cuts[3], cuts[9]]) {
        const resumed = await train(compile, [], checkpoint);
        assertEquals(resumed.losses, whole.losses.slice(losses));
      }
    }
  });
});

const ENDS: Record<string, (learner: AnyLearner) => void> = {
  "a cancelled batch": () => {
    throw new CancelBatch();
  },
  "a cancel": () => {
    throw new CancelEpoch();
  },
  "a cancel of the training": () => {
    throw new CancelTrain("a test");
  },
  "a cancel from outside": (learner) => void learner.cancel("train"),
  "an error": () => {
    throw new Error("a test");
  },
};

for (const [end, act] of Object.entries(ENDS)) {
  Deno.test(`${end} in a validation puts the states of the training back`, async () => {
    await tf.setBackend("cpu");
    for (const validationBatches of [undefined, 2]) {
      await assertNoTensorsLeft(async () => {
        const seen = { before: "", after: "" };
        const look = ({ model }: AnyLearner) =>
          statesOf(model).map((state) => state.dataSync().join()).join(";");
        const learner = learnerOf("lstm", {
          callbacks: [{
            beforeValidate: (learner) => void (seen.before = look(learner)),
            beforeValidationBatch: (learner) => void (learner.batchIndex === 2 && act(learner)),
            afterValidate: (learner) => void (seen.after = look(learner)),
          }],
        });
        await learner.train({ epochs: 1, validationBatches }).catch(() => {});
        assert(seen.before !== "" && !/^[0,;]*$/.test(seen.before), "the training has states");
        assertEquals(seen.after, seen.before);
        numbersOf(learner);
      });
    }
  });
}
