import { assertEquals, assertRejects } from "@std/assert";
import { sgd, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

/** A model in the model, of two layers, and one after it. */
const layers = () => [
  tf.sequential({
    name: "body",
    layers: [
      tf.layers.dense({ units: 2, inputShape: [1], name: "first" }),
      tf.layers.dense({ units: 2, name: "second" }),
    ],
  }) as never as tf.layers.Layer,
  tf.layers.dense({ units: 1, name: "head" }),
];

for (
  const [match, frozen] of [
    ["body", [true, true, true, true, false, false]],
    ["second", [false, false, true, true, false, false]],
    ["second/bias", [false, false, false, true, false, false]],
    [/bias$/g, [false, true, false, true, false, true]],
  ] as const
) {
  testTensors(
    `Learner.train() assigns the group ${match} of an optimizer as Freeze chooses weights`,
    async () => {
      const optimizer = sgd(0.1, { groups: [{ match, learningRateFactor: 0 }] });
      const { learner, model, dispose } = tinyLearner({ layers, optimizer });
      const values = () => model.weights.map((weight) => [...weight.read().dataSync()].join());
      const before = values();
      await learner.train({ epochs: 2 });
      assertEquals(values().map((value, index) => value === before[index]), [...frozen]);
      dispose();
    },
  );
}

testTensors("Learner.train() refuses a group that matches no weight, before any work", async () => {
  const optimizer = sgd(0.1, { groups: [{ match: "hed", weightDecay: 0 }] });
  const { learner, dispose } = tinyLearner({ layers, optimizer });
  await assertRejects(
    () => learner.train(),
    RangeError,
    "Cannot train as hed, a group of the optimizer, must be the name of a layer or weight: there are " +
      "body, first, first/kernel, first/bias, second,",
  );
  assertEquals(learner.epochs, 0);
  dispose();
});
