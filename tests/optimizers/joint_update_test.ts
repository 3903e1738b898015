import { assertEquals, assertThrows } from "@std/assert";
import { adam, adamW, rmsprop, sgd, type SlotOptimizer, tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

const OPTIMIZERS: Record<string, () => SlotOptimizer> = {
  adam: () => adam(0.1, { weightDecay: 0.2 }),
  adamW: () => adamW(0.1),
  sgd: () => sgd(0.1),
  "sgd nesterov": () => sgd(0.1, { momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  rmsprop: () => rmsprop(0.1),
  "rmsprop momentum": () => rmsprop(0.1, { momentum: 0.9, weightDecay: 0.1 }),
};

/** Sizes whose last elements fill a vector, or do not. */
const SIZES = [1, 2, 3, 4, 7, 64, 1031, 16];

function variables(): tf.Variable[] {
  return SIZES.map((size, i) => tf.variable(tf.tensor1d(wave(size, i))));
}

function wave(size: number, phase: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i * i + phase));
}

function bitsOf(tensors: readonly tf.Tensor[]): number[][] {
  return tensors.map((tensor) => [...new Int32Array(tensor.dataSync().slice().buffer)]);
}

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  testOnBackends(`${name}() updates variables together as one by one, bit for bit`, () => {
    const together = variables(), single = variables();
    const [joint, each] = [make(), make()];
    const half = { match: /[02468]$/, learningRateFactor: 0.5, weightDecay: 0.3 };
    const clones: tf.Tensor[] = [];
    for (let step = 0; step < 6; step++) {
      // In the third step two variables are frozen: from then on their updates have other numbers.
      const trained = SIZES.keys().toArray().filter((i) => step !== 2 || i % 4 !== 1);
      const gradients = SIZES.map((size, i) => tf.tensor1d(wave(size, 7 * step + i)));
      if (step === 3) joint.groups = each.groups = [half];
      if (step === 4) joint.learningRate = each.learningRate = 0.03;
      // A clone of a variable, and one of its slots, keep their elements.
      if (step === 1) clones.push(together[2].clone(), ...Object.values(joint.state()));
      const before = bitsOf(clones);
      joint.applyGradients(
        Object.fromEntries(trained.map((i) => [together[i].name, gradients[i]])),
      );
      for (const i of trained) each.applyGradients({ [single[i].name]: gradients[i] });
      assertEquals(bitsOf(together), bitsOf(single), `step ${step}`);
      assertEquals(bitsOf(clones), before);
      tf.dispose(gradients);
    }
    const slotsOf = (state: tf.NamedTensorMap) => bitsOf(Object.values(state).slice(1));
    assertEquals(slotsOf(joint.state()), slotsOf(each.state()));
    joint.dispose();
    each.dispose();
    tf.dispose([together, single]);
  });
}

testOnBackends("gradients of which one is refused change nothing", () => {
  for (const [name, make] of Object.entries(OPTIMIZERS)) {
    const refused = variables(), plain = variables();
    const optimizer = make(), other = make();
    const gradientsOf = (of: tf.Variable[]) =>
      Object.fromEntries(of.map(({ name, shape }, i) => [name, tf.tensor1d(wave(shape[0]!, i))]));
    for (const wrong of [tf.zeros([2, 2]), tf.zeros([16], "int32")]) {
      const gradients = { ...gradientsOf(refused), [refused.at(-1)!.name]: wrong };
      assertThrows(() => optimizer.applyGradients(gradients), TypeError, "must be [16] float32");
    }
    optimizer.applyGradients(gradientsOf(refused));
    other.applyGradients(gradientsOf(plain));
    assertEquals(bitsOf(refused), bitsOf(plain), name);
    optimizer.dispose();
    other.dispose();
    tf.dispose([refused, plain]);
  }
});

testOnBackends("an optimizer updates a variable twice that has two gradients in a list", () => {
  const [twice, other] = [1, 1].map((value) => tf.variable(tf.tensor1d([value])));
  const [a, b] = [adam(0.1), adam(0.1)];
  const [first, second] = [tf.tensor1d([1]), tf.tensor1d([-3])];
  const { name } = twice;
  a.applyGradients([{ name, tensor: first }, { name, tensor: second }]);
  for (const gradient of [first, second]) b.applyGradients({ [other.name]: gradient });
  assertEquals(bitsOf([twice]), bitsOf([other]));
  a.dispose();
  b.dispose();
  tf.dispose([twice, other, first, second]);
});
