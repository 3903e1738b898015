import { assertEquals } from "@std/assert";
import { Learner, meanSquaredError, type Model, sgd, tf } from "../../mod.ts";
import { Freeze, GradualUnfreeze } from "../../callbacks.ts";
import { statesOf, statisticsOf } from "../../src/model/layers.ts";
import { namedVariables } from "../../src/model/named_variables.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import type { AnyLearner } from "../fixtures/tiny_learner.ts";

const { layers } = tf;

// deno-lint-ignore no-explicit-any -- layers of any kind
type Any = any;

/** Batch normalisation in a wrapper, in a model within a wrapper, and in a model. */
function wrapped(): tf.Sequential {
  const norm = (name: string, options = {}) => layers.batchNormalization({ name, ...options });
  return tf.sequential({
    layers: [
      layers.timeDistributed({ name: "steps", layer: norm("first"), inputShape: [5, 3] }),
      layers.timeDistributed({
        name: "models",
        layer: tf.sequential({
          layers: [layers.dense({ units: 3, inputShape: [3] }), norm("second")],
        }),
      }),
      tf.sequential({ name: "inner", layers: [norm("third", { inputShape: [5, 3] })] }),
      layers.bidirectional({ name: "both", layer: layers.gru({ units: 2, name: "cells" }) as Any }),
      norm("bare", { scale: false, center: false }),
      layers.dense({ name: "head", units: 1 }),
    ],
  });
}

/** TensorFlow.js keeps a model within a model until it is disposed, too. */
function disposeWrapped(model: tf.Sequential): void {
  const inner = model.getLayer("inner");
  model.dispose();
  inner.dispose();
}

async function train(model: tf.LayersModel, callbacks: Any[] = []): Promise<void> {
  const optimizer = sgd(0.1);
  await new Learner({
    model,
    optimizer,
    lossFunction: meanSquaredError,
    dataloaders: {
      train: function* (): Iterable<[tf.Tensor, tf.Tensor]> {
        for (let i = 0; i < 2; i++) yield [tf.randomUniform([4, 5, 3]), tf.ones([4, 1])];
      },
    },
    callbacks,
  }).train();
  optimizer.dispose();
}

function numbersOf(variables: readonly tf.Tensor[]): number[][] {
  return variables.map((variable) => Array.from(variable.dataSync()));
}

testTensors("statisticsOf() finds batch normalisation within wrappers and models", () => {
  const model = wrapped();
  assertEquals(statisticsOf(model).map(({ size }) => size), [3, 3, 3, 3, 3, 3, 4, 4]);
  disposeWrapped(model);
});

testTensors("statisticsOf() lists a layer that is in two places once", () => {
  const shared = layers.batchNormalization({ inputShape: [3] });
  const input = tf.input({ shape: [3] });
  const inner = tf.sequential({ layers: [shared] });
  const output = layers.add().apply([shared.apply(input), inner.apply(input)] as Any);
  const model = tf.model({ inputs: input, outputs: output as tf.SymbolicTensor });
  assertEquals(statisticsOf(model).length, 2);
  assertEquals(
    new Learner({ model, optimizer: sgd(), lossFunction: meanSquaredError }).summary().parameters,
    12,
  );
  model.dispose();
});

for (
  const [what, callbacks] of [
    ["by the name of a wrapper", () => [new Freeze(["steps", "models", "inner", "bare"])]],
    ["by the name of a layer in it", () => [new Freeze(["first", "second", "third", "bare"])]],
    ["by a pattern", () => [new Freeze([/first|second|third/, "bare"])]],
  ] as const
) {
  testTensors(`Freeze finds batch normalisation within wrappers ${what}`, async () => {
    const model = wrapped();
    const before = numbersOf(statisticsOf(model));
    await train(model, callbacks());
    assertEquals(numbersOf(statisticsOf(model)), before);
    await train(model);
    const after = numbersOf(statisticsOf(model));
    assertEquals(after.map((numbers, i) => `${numbers}` !== `${before[i]}`), Array(8).fill(true));
    disposeWrapped(model);
  });
}

testTensors(
  "a model that is frozen as a whole freezes batch normalisation within wrappers",
  async () => {
    const model = wrapped();
    const [steps, models] = model.layers;
    for (const layer of [steps, models]) layer.trainable = false;
    const before = numbersOf(statisticsOf(model)).slice(0, 4);
    await train(model);
    assertEquals(numbersOf(statisticsOf(model)).slice(0, 4), before);
    disposeWrapped(model);
  },
);

testTensors("Freeze({ updateStatistics }) lets wrapped statistics follow the data", async () => {
  const model = wrapped();
  const before = numbersOf(statisticsOf(model));
  const weights = numbersOf(model.getWeights().slice(0, 2));
  await train(model, [new Freeze(/./, { updateStatistics: true }), thawed("head")]);
  assertEquals(numbersOf(model.getWeights().slice(0, 2)), weights);
  const after = numbersOf(statisticsOf(model));
  assertEquals(after.map((numbers, i) => `${numbers}` !== `${before[i]}`), Array(8).fill(true));
  disposeWrapped(model);
});

/** Trains the weights of one layer all the same. */
function thawed(name: string): Any {
  const set = (trainable: boolean) => ({ model }: AnyLearner) => {
    const layer = (model as tf.LayersModel).getLayer(name);
    for (const weight of layer.weights) (weight.read() as tf.Variable).trainable = trainable;
  };
  return { beforeTrain: set(true) };
}

testTensors("a wrapper is one layer for GradualUnfreeze, and its layers have names", async () => {
  const model = wrapped();
  const named = namedVariables(model);
  const chosen = (name: string) => named.filter(({ names }) => names.includes(name)).length;
  assertEquals(["steps", "first", "models", "second", "inner", "third"].map(chosen), [
    4,
    4,
    6,
    4,
    4,
    4,
  ]);
  assertEquals([chosen("both"), chosen("forward_cells"), chosen("backward_cells")], [6, 3, 3]);
  assertEquals(new Set(named.map(({ layer }) => layer)).size, 6);
  await train(model, [new GradualUnfreeze({ groups: 6 })]);
  disposeWrapped(model);
});

testTensors(
  "Learner.summary() counts the operations of wrapped and convolutional recurrent layers",
  () => {
    const model = tf.sequential({
      layers: [
        layers.timeDistributed({ layer: layers.dense({ units: 4 }), inputShape: [5, 3] }),
        layers.timeDistributed({
          layer: tf.sequential({ layers: [layers.dense({ units: 2, inputShape: [4] })] }),
        }),
        layers.rnn({ cell: [layers.gruCell({ units: 3 }), layers.gruCell({ units: 2 })] as Any }),
      ],
    });
    const { layers: rows } = new Learner({
      model,
      optimizer: sgd(),
      lossFunction: meanSquaredError,
    })
      .summary();
    assertEquals(rows.map(({ operations }) => operations), [
      5 * (2 * 3 * 4 + 4),
      5 * (2 * 4 * 2 + 2),
      5 * 2 * (2 * 9 + 3 * 9 + 3 * 6 + 2 * 6),
    ]);
    const images = tf.sequential({
      layers: [
        layers.convLstm2d({
          filters: 2,
          kernelSize: 3,
          padding: "same",
          inputShape: [4, 6, 6, 1],
        }) as Any,
      ],
    });
    const [row] = new Learner({ model: images, optimizer: sgd(), lossFunction: meanSquaredError })
      .summary().layers;
    assertEquals(row.operations, 2 * 9 * 8 * (1 + 2) * 36 * 4);
    model.dispose();
    images.dispose();
  },
);

testTensors("layers in the properties of a user's own model are found", () => {
  const lstm = layers.lstm({ units: 2, stateful: true, batchInputShape: [1, 2, 3] });
  class Own implements Model<tf.Tensor, tf.Tensor> {
    readonly parts = {
      heads: [layers.dense({ units: 1 })],
      body: tf.sequential({ layers: [lstm] }),
    };
    readonly self = this;
    apply(data: tf.Tensor): tf.Tensor {
      return this.parts.heads[0].apply(this.parts.body.apply(data)) as tf.Tensor;
    }
    get trainableVariables(): tf.Variable[] {
      return this.parts.body.trainableWeights.map((weight) => weight.read() as tf.Variable);
    }
  }
  const own = new Own();
  assertEquals(statesOf(own).map(({ shape }) => shape), [[1, 2], [1, 2]]);
  assertEquals(statesOf([own, own.parts.body]).length, 2);
  own.parts.body.dispose();
});
