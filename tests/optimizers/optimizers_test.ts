import { assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { adam, adamW, rmsprop, sgd, SlotOptimizer, tf } from "../../mod.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

/** One update in plain numbers: changes `slots`, returns the new value. */
type Reference = (value: number, gradient: number, slots: number[], step: number) => number;

function referenceAdam(rate: number, l2: number, decay: number): Reference {
  return (value, g, slots, step) => {
    g += l2 * value;
    slots[0] = 0.8 * (slots[0] ?? 0) + 0.2 * g;
    slots[1] = 0.95 * (slots[1] ?? 0) + 0.05 * g * g;
    const m = slots[0] / (1 - 0.8 ** step), v = slots[1] / (1 - 0.95 ** step);
    return value - rate * (m / (Math.sqrt(v) + 1e-3) + decay * value);
  };
}

function referenceSgd(rate: number, momentum: number, nesterov: boolean, l2: number): Reference {
  return (value, g, slots) => {
    g += l2 * value;
    slots[0] = momentum * (slots[0] ?? 0) + g;
    return value - rate * (nesterov ? g + momentum * slots[0] : slots[0]);
  };
}

function referenceRmsprop(rate: number, momentum: number, l2: number): Reference {
  return (value, g, slots) => {
    g += l2 * value;
    slots[0] = 0.7 * (slots[0] ?? 0) + 0.3 * g * g;
    slots[1] = momentum * (slots[1] ?? 0) + rate * g / Math.sqrt(slots[0] + 1e-3);
    return value - slots[1];
  };
}

const moments = { beta1: 0.8, beta2: 0.95, epsilon: 1e-3 };
const means = { decay: 0.7, epsilon: 1e-3 };
const table: [string, () => SlotOptimizer, Reference][] = [
  ["adam", () => adam(0.1, moments), referenceAdam(0.1, 0, 0)],
  ["adam decaying", () => adam(0.1, { ...moments, weightDecay: 0.2 }), referenceAdam(0.1, 0.2, 0)],
  ["adamW", () => adamW(0.1, { ...moments, weightDecay: 0.2 }), referenceAdam(0.1, 0, 0.2)],
  ["sgd", () => sgd(0.1), referenceSgd(0.1, 0, false, 0)],
  ["sgd decaying", () => sgd(0.1, { weightDecay: 0.2 }), referenceSgd(0.1, 0, false, 0.2)],
  ["sgd momentum", () => sgd(0.1, { momentum: 0.9 }), referenceSgd(0.1, 0.9, false, 0)],
  [
    "sgd nesterov",
    () => sgd(0.1, { momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    referenceSgd(0.1, 0.9, true, 0.1),
  ],
  ["rmsprop", () => rmsprop(0.1, means), referenceRmsprop(0.1, 0, 0)],
  [
    "rmsprop momentum",
    () => rmsprop(0.1, { ...means, momentum: 0.9, weightDecay: 0.1 }),
    referenceRmsprop(0.1, 0.9, 0.1),
  ],
];

/** Odd, so that the last elements do not fill a vector. */
const size = 1031;

function gradientAt(step: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.sin(i * 0.37 + step) + (i % 7) * 0.1);
}

function apply(optimizer: SlotOptimizer, variable: tf.Variable, step: number): void {
  tf.tidy(() => optimizer.applyGradients({ [variable.name]: tf.tensor1d(gradientAt(step)) }));
}

for (const [name, create, reference] of table) {
  testOnBackends(`${name}() computes the published formula`, () => {
    const start = Array.from({ length: size }, (_, i) => Math.cos(i));
    const variable = tf.variable(tf.tensor1d(start));
    const optimizer = create();
    const slots = start.map((): number[] => []);
    let expected = start;
    for (let step = 1; step <= 10; step++) {
      apply(optimizer, variable, step);
      const g = gradientAt(step);
      expected = expected.map((value, i) => reference(value, g[i], slots[i], step));
    }
    assertLess(relativeError(variable, expected), 2e-6);
    assertEquals(optimizer.iterations, 10);
    optimizer.dispose();
    variable.dispose();
  });

  testOnBackends(`${name}() continues exactly where its restored state was taken`, async () => {
    const variable = tf.variable(tf.ones([size]));
    const [first, second] = [create(), create()];
    for (let step = 1; step <= 3; step++) apply(first, variable, step);
    const copy = tf.variable(variable.clone());
    const renamed = (await first.getWeights()).map(({ name, tensor }) => ({
      name: name.replace(variable.name, copy.name),
      tensor,
    }));
    await second.setWeights(renamed);
    tf.dispose(renamed.map(({ tensor }) => tensor));
    for (let step = 4; step <= 6; step++) {
      apply(first, variable, step);
      apply(second, copy, step);
    }
    assertEquals(copy.dataSync(), variable.dataSync());
    assertEquals(second.iterations, 6);
    [first, second, variable, copy].forEach((owner) => owner.dispose());
  });

  testOnBackends(`${name}() keeps a frozen variable and its slots as they are`, () => {
    const [a, b] = [tf.variable(tf.ones([3])), tf.variable(tf.ones([3]))];
    const [both, alone] = [create(), create()];
    const g = tf.tensor1d([1, -2, 3]);
    for (let step = 0; step < 4; step++) {
      both.applyGradients(step === 1 ? { [a.name]: g } : { [a.name]: g, [b.name]: g });
    }
    const c = tf.variable(tf.ones([3]));
    for (let step = 0; step < 3; step++) alone.applyGradients([{ name: c.name, tensor: g }]);
    assertEquals(b.dataSync(), c.dataSync(), "as if there had been no frozen step");
    assertNotEquals(a.dataSync(), b.dataSync());
    [a, b, c, both, alone].forEach((owner) => owner.dispose());
  });

  testOnBackends(`${name}() does not change a state that was taken before`, () => {
    const variable = tf.variable(tf.ones([size]));
    const optimizer = create();
    apply(optimizer, variable, 1);
    const state = optimizer.state();
    const before = Object.values(state).map((tensor) => tensor.dataSync());
    apply(optimizer, variable, 2);
    assertEquals(Object.values(state).map((tensor) => tensor.dataSync()), before);
    [optimizer, variable].forEach((owner) => owner.dispose());
    tf.dispose(state);
  });
}

testOnBackends("groups scale the learning rate and replace the weight decay by name", () => {
  const names = ["dense/kernel", "dense/bias", "head/kernel"];
  const variables = names.map((name) => tf.variable(tf.ones([2]), true, name));
  const optimizer = sgd(0.1, {
    weightDecay: 1,
    groups: [{ match: /bias$/, weightDecay: 0 }, { match: "head", learningRateFactor: 10 }],
  });
  optimizer.applyGradients(Object.fromEntries(names.map((name) => [name, tf.ones([2])])));
  const [kernel, bias, head] = variables.map((variable) => variable.dataSync()[0]);
  assertLess(Math.abs(kernel - 0.8), 1e-6);
  assertLess(Math.abs(bias - 0.9), 1e-6);
  assertLess(Math.abs(head - -1), 1e-6);
  [...variables, optimizer].forEach((owner) => owner.dispose());
});

testOnBackends("learningRate may be changed between steps", () => {
  const variable = tf.variable(tf.scalar(1));
  const optimizer = sgd(0.1);
  optimizer.learningRate = 0.5;
  optimizer.applyGradients({ [variable.name]: tf.scalar(1) });
  assertEquals(variable.dataSync()[0], 0.5);
  [variable, optimizer].forEach((owner) => owner.dispose());
});

Deno.test("an optimizer refuses numbers out of range and unknown variables", () => {
  assertThrows(
    () => adam(-1),
    RangeError,
    "learningRate must be finite and >= 0: current value is -1",
  );
  assertThrows(
    () => sgd("0.01" as never),
    RangeError,
    'learningRate must be finite and >= 0: current value is "0.01"',
  );
  assertThrows(() => adam(1, { beta1: 1 }), RangeError, "beta1 must be in [0, 1)");
  assertThrows(() => adam(1, { epsilon: 0 }), RangeError, "epsilon must be finite and > 0");
  assertThrows(() => sgd(1, { nesterov: true }), RangeError, "momentum must be > 0 with nesterov");
  assertThrows(() => rmsprop(1, { decay: 2 }), RangeError, "decay must be in [0, 1)");
  assertThrows(() => sgd(1, { weightDecay: -1 }), RangeError, "weightDecay must be");
  assertThrows(
    () => sgd(1).applyGradients({ missing: tf.scalar(1) }),
    TypeError,
    "there is no missing",
  );
  assertThrows(() => adam().restore({}), TypeError, "its state must have iterations");
});

Deno.test("an optimizer is rebuilt from its configuration", () => {
  const original = adamW(0.25, { beta1: 0.5, weightDecay: 0.125 });
  const Class = original.constructor as unknown as {
    fromConfig(cls: unknown, config: unknown): SlotOptimizer;
  };
  const rebuilt = Class.fromConfig(original.constructor, original.getConfig());
  assertEquals(rebuilt.getConfig(), original.getConfig());
  assertEquals(rebuilt.getConfig(), { beta1: 0.5, weightDecay: 0.125, learningRate: 0.25 });
});

Deno.test("no optimizer of TensorFlow.js is an instance of SlotOptimizer", () => {
  const own = [sgd(), adam(), adamW(), rmsprop()];
  const others = [tf.train.sgd(0.1), tf.train.adam(), tf.train.momentum(0.1, 0.9), {}, null];
  assertEquals(own.every((optimizer) => optimizer instanceof SlotOptimizer), true);
  assertEquals(others.some((optimizer) => optimizer instanceof SlotOptimizer), false);
  for (const optimizer of others) (optimizer as tf.Optimizer | null)?.dispose?.();
});
