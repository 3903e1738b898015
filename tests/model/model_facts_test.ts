import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { tf } from "../../mod.ts";
import { factsOf } from "../../src/model/model_structure.ts";

// deno-lint-ignore no-explicit-any -- properties of layers that their types do not declare
type Any = any;

const { dense, dropout, conv1d, batchNormalization, lstm, bidirectional, timeDistributed } =
  tf.layers;

/** A model with every way in which a layer is part of another one. */
function build(): tf.Sequential {
  const inner = tf.sequential({
    layers: [dense({ units: 3, inputShape: [5, 2] }), dropout({ rate: 0.1, name: "inner" })],
  });
  return tf.sequential({
    layers: [
      inner,
      conv1d({ filters: 2, kernelSize: 2, name: "conv", kernelRegularizer: "l1l2" }),
      batchNormalization({ name: "norm" }),
      timeDistributed({ layer: dense({ units: 2, name: "shared" }) }),
      bidirectional({ layer: lstm({ units: 2, returnSequences: true }) as Any, name: "both" }),
      lstm({ units: 2, name: "last", stateful: false }),
      dense({ units: 1, name: "end", kernelConstraint: tf.constraints.maxNorm({}) }),
    ],
  });
}

const layer = (model: Any, name: string): Any => model.getLayer(name);

const CHANGES: Record<string, (model: Any) => void> = {
  "a setting": (model) => layer(model, "conv").useBias = false,
  "a setting within a model": (model) => model.layers[0].layers[1].rate = 0.2,
  "a setting within a wrapper": (model) => model.layers[3].layer.units = 3,
  "a setting of a direction": (model) => layer(model, "both").backwardLayer.goBackwards = false,
  "a setting of a cell": (model) => layer(model, "last").cell.recurrentDropout = 0.5,
  "an element of a list": (model) => layer(model, "conv").strides[0] = 2,
  "an activation": (model) => layer(model, "end").activation = layer(model, "last").cell.activation,
  "the strength of a regularizer": (model) => layer(model, "conv").kernelRegularizer.l2 = 0.5,
  "a regularizer": (model) => layer(model, "end").biasRegularizer = tf.regularizers.l2(),
  "a frozen layer": (model) => layer(model, "conv").trainable = false,
  "a frozen layer within a model": (model) => model.layers[0].layers[0].trainable = false,
  "a frozen model": (model) => model.layers[0].trainable = false,
  "a frozen weight": (model) => layer(model, "end").kernel.trainable = false,
  "a frozen variable": (model) => layer(model, "end").kernel.read().trainable = false,
  "frozen averages": (model) => layer(model, "norm").trainable = false,
  "another variable": (model) => {
    const { kernel } = layer(model, "end");
    const { val } = kernel;
    kernel.val = tf.variable(val);
    val.dispose();
  },
  "a replaced method": (model) => layer(model, "conv").call = () => {},
  "a hidden method": (model) => Object.defineProperty(layer(model, "conv"), "call", { value() {} }),
  "a hook of calls": (model) => layer(model, "conv").setCallHook(() => {}),
  "a class": (model) =>
    Object.setPrototypeOf(
      layer(model, "end"),
      class Own extends Object.getPrototypeOf(layer(model, "end")).constructor {}.prototype,
    ),
  "a loss of a layer": (model) => layer(model, "end").addLoss(() => tf.scalar(1)),
  "a layer less": (model) => model.layers.pop(),
  "a model that is compiled": (model) => {
    layer(model, "end").trainable = false;
    (model.model ?? model).collectedTrainableWeights = model.trainableWeights;
    layer(model, "end").trainable = true;
  },
};

for (const [name, change] of Object.entries(CHANGES)) {
  Deno.test(`factsOf() sees ${name}`, async () => {
    await tf.setBackend("cpu");
    const { numTensors } = tf.memory();
    const model = build();
    const before = factsOf(model);
    assert(factsOf(model) === before, "nothing has changed");
    const { settings, notStock, trained } = before;
    assertEquals(notStock, undefined);
    change(model);
    const after = factsOf(model);
    assert(after !== before, "the change is not seen");
    assertNotEquals(
      [after.settings, after.notStock, after.trained!.map(({ id }) => id)],
      [settings, notStock, trained!.map(({ id }) => id)],
    );
    assert(factsOf(model) === after, "nothing has changed again");
    tf.disposeVariables();
    assertEquals(tf.memory().numTensors, numTensors);
  });
}
