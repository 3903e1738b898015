import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { adam, groupsByDepth, Learner, type ParameterGroup, sgd, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";

/** A model with a model in it; all weights are 1. */
function modelOf(): tf.Sequential {
  const dense = (name: string, inputShape?: [number]) =>
    tf.layers.dense({ name, units: 1, inputShape, kernelInitializer: "ones", useBias: false });
  const body = tf.sequential({ name: "body", layers: [dense("first", [1]), dense("second")] });
  return tf.sequential({
    layers: [body, tf.layers.dropout({ rate: 0.1 }), dense("head"), dense("heads")],
  });
}

/** Trains one step at a rate of 0.1 with gradient 0 and a weight decay of 1, unless groups say more. */
async function decayed(groups: ParameterGroup[], model = modelOf()): Promise<number[]> {
  const optimizer = sgd(0.1, { weightDecay: 1, groups });
  const [x, y] = [tf.ones([2, 1]), tf.zeros([2, 1])];
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: (predictions: tf.Tensor) => predictions.mean().mul(0),
    dataloaders: { train: [[x, y]] },
  });
  try {
    await learner.train();
    return model.getWeights().map((weight) => weight.dataSync()[0]);
  } finally {
    tf.dispose([x, y]);
    for (const owner of [optimizer, model]) owner.dispose();
  }
}

const close = (actual: number[], expected: number[]) =>
  expected.forEach((value, index) => assertAlmostEquals(actual[index], value, 1e-6));

testTensors("a group's string is the whole name of a layer or weight", async () => {
  close(await decayed([{ match: "head", weightDecay: 0 }]), [0.9, 0.9, 1, 0.9]);
  close(await decayed([{ match: "head/kernel", weightDecay: 0 }]), [0.9, 0.9, 1, 0.9]);
  close(await decayed([{ match: /^head/, weightDecay: 0 }]), [0.9, 0.9, 1, 1]);
});

testTensors("a group's pattern may be global or sticky, and the first group applies", async () => {
  close(await decayed([{ match: /kernel/g, weightDecay: 0 }]), [1, 1, 1, 1]);
  close(await decayed([{ match: /head/y, weightDecay: 0 }]), [0.9, 0.9, 1, 1]);
  const groups = [{ match: "head", weightDecay: 0 }, { match: /head/, learningRateFactor: 2 }];
  close(await decayed(groups), [0.9, 0.9, 1, 0.8]);
});

testTensors("a group that matches no variable is refused before the training", async () => {
  for (
    const [match, message] of [
      ["hed", 'there is no "hed", did you mean "head"?'],
      ["kernel", 'there is no "kernel"'],
      [/bias/, "there is no /bias/; the names are first, first/kernel"],
    ] as const
  ) {
    const model = modelOf();
    let begun = false;
    const optimizer = adam(0.1, { groups: [{ match }] });
    const learner = new Learner({
      model,
      optimizer,
      lossFunction: tf.losses.meanSquaredError,
      dataloaders: { train: () => (begun = true, []) },
    });
    model.build();
    await assertRejects(() => learner.train(), RangeError, message);
    assertEquals(begun, false);
    for (const owner of [optimizer, model]) owner.dispose();
  }
});

testTensors("an optimizer without a Learner refuses such a group in its first update", () => {
  const variable = tf.tidy(() => tf.variable(tf.scalar(1), true, "alone/weight"));
  const optimizer = sgd(0.1, { groups: [{ match: "together" }] });
  const gradient = tf.scalar(1);
  assertThrows(
    () => optimizer.applyGradients({ [variable.name]: gradient }),
    RangeError,
    'there is no "together"',
  );
  tf.dispose([variable, gradient]);
});

Deno.test("an optimizer refuses groups of the wrong kind", () => {
  const wrong: [unknown, string][] = [
    [{ match: 3 }, "match must be a name or a pattern: current value is 3"],
    [{ match: "x", learningRateFactor: -1 }, "learningRateFactor must be finite and >= 0"],
    [{ match: "x", rate: 1 }, 'there is no "rate"'],
  ];
  for (const [group, message] of wrong) {
    assertThrows(() => sgd(0.1, { groups: [group as ParameterGroup] }), Error, message);
  }
});

testTensors(
  "groupsByDepth() lowers the rate from layer to layer, also in models of models",
  async () => {
    const model = modelOf();
    model.build();
    const factors = (options?: Parameters<typeof groupsByDepth>[1]) =>
      groupsByDepth(model, options).map(({ learningRateFactor }) => learningRateFactor!);
    close(factors({ factor: 0.5 }), [0.125, 0.25, 0.5, 1]);
    close(factors({ lowest: 1e-3 }), [1e-3, 1e-2, 1e-1, 1]);
    close(factors(), [2.6 ** -3, 2.6 ** -2, 1 / 2.6, 1]);
    // Another model with the same names: those of its variables are numbered.
    const groups = groupsByDepth(model, { factor: 0.5 });
    close(await decayed(groups, model), [1 - 0.0125, 1 - 0.025, 1 - 0.05, 1 - 0.1]);
  },
);

testTensors(
  "groupsByDepth() refuses models without layers or weights, and rates out of range",
  () => {
    const model = tf.sequential({ layers: [tf.layers.dropout({ rate: 0.5, inputShape: [1] })] });
    const apply = { apply: () => {}, trainableVariables: [] } as unknown as tf.LayersModel;
    assertThrows(() => groupsByDepth(model), TypeError, "must have weights");
    assertThrows(() => groupsByDepth(apply), TypeError, "must be a tf.LayersModel");
    assertThrows(() => groupsByDepth(model, { factor: 0 }), RangeError, "factor must be in (0, 1]");
    assertThrows(() => groupsByDepth(model, { lowest: 2 }), RangeError, "lowest must be in (0, 1]");
    assertThrows(
      () => groupsByDepth(model, { rate: 2 } as object),
      TypeError,
      'there is no "rate"',
    );
  },
);
