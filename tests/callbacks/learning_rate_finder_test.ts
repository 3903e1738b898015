import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adam, PRIORITIES, sgd, tf } from "../../mod.ts";
import { LearningRateFinder } from "../../callbacks.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

Deno.test("LearningRateFinder.find() sweeps, and puts weights and optimizer back", async () => {
  for (const optimizer of [adam(0.01), tf.train.momentum(0.01, 0.9), sgd(0.01)]) {
    const ran: string[] = [];
    const hooks = (name: string) => ({
      beforeBatch: () => void ran.push(name),
      beforeValidate: () => void ran.push(`${name} validates`),
      beforeTest: () => void ran.push(`${name} tests`),
    });
    const { learner, model, dispose } = tinyLearner({
      callbacks: [
        hooks("user"),
        { ...hooks("display"), priority: PRIORITIES.display },
      ],
      optimizer,
    });
    await learner.train();
    const memory = async () => {
      const weights = await optimizer.getWeights();
      const numbers = weights.map(({ name, tensor }) => [name, [...tensor.dataSync()]]);
      for (const { tensor } of weights) if (!(tensor instanceof tf.Variable)) tensor.dispose();
      return numbers;
    };
    const was = tf.tidy(() => numbersOf(model));
    const remembered = await memory();
    const { callbacks, dataloaders } = learner;
    ran.length = 0;
    const finder = new LearningRateFinder({ from: 1e-4, to: 1, steps: 41 });
    const tensors = tf.memory().numTensors;
    await finder.find(learner);
    assertEquals(tf.memory().numTensors, tensors, "tensors are left");
    assertEquals(new Set(ran), new Set(["user"]));
    assertEquals(numbersOf(model), was);
    assertEquals(await memory(), remembered);
    assertAlmostEquals(learner.learningRate, 0.01, 1e-9);
    assert(learner.optimizer === optimizer && learner.callbacks === callbacks);
    assert(learner.dataloaders === dataloaders);
    finder.curve.forEach(({ learningRate }, index) =>
      assertAlmostEquals(learningRate, 1e-4 * 10 ** (index / 10), 1e-9)
    );
    dispose();
  }
});

Deno.test("LearningRateFinder as a callback trains until all its rates are tried", async () => {
  const finder = new LearningRateFinder({ from: 1e-6, to: 1e-5, steps: 10 });
  const { learner, dispose } = tinyLearner({ callbacks: [finder] });
  const { reason } = await learner.train({ epochs: 1 });
  assertEquals(reason, "LearningRateFinder: all 10 rates are done");
  assertEquals(finder.curve.length, 10);
  dispose();
});

Deno.test("LearningRateFinder stops when the loss is above its best by 3 times its descent", async () => {
  const losses = [8, 8, 8, 4, 4, 2, 2, 3, 3, 86]; // The mean falls from 8 to 4.13, then rises to 16.7.
  const { learner, dispose } = tinyLearner({
    callbacks: [{
      afterLoss(learner) {
        const step = finder.curve.length;
        learner.loss = learner.loss.mul(0).add(losses[step]);
      },
    }],
    optimizer: sgd(0.1),
  });
  const finder = new LearningRateFinder({ steps: 50 });
  await finder.find(learner);
  assertEquals(finder.curve.map(({ loss }) => loss), losses.slice(0, -1));
  // Worked out by hand: 8, 8, 8, then a mean with weights 0.9^k.
  assertAlmostEquals(finder.curve[3].smoothed, (4 + 8 * (0.9 + 0.81 + 0.729)) / 3.439, 1e-6);
  dispose();
});

Deno.test("LearningRateFinder.suggest() finds the steepest descent and the longest", () => {
  const finder = new LearningRateFinder();
  const smoothed = [9.8, 10.1, 9.9, 9.5, 9, 8, 3, 2.5, 2.4, 2.6, 9];
  finder.curve = smoothed.map((smoothed, index) => ({ learningRate: index, loss: 0, smoothed }));
  // Differences over two steps are largest around index 5 (9 -> 3). The longest series of ever
  // smaller losses is 10.1, 9.9, 9.5, 9, 8, 3, 2.5, 2.4: two thirds of the way down is at 4.97.
  assertEquals(finder.suggest().steepest, 5);
  assertEquals(finder.suggest().valley, 6);
  const plateau = Array.from({ length: 50 }, (_, index) => 10 - index / 1000);
  finder.curve = [...plateau, 9, 7, 4, 3, 9].map((smoothed, index) => (
    { learningRate: index, loss: 0, smoothed }
  ));
  assertEquals(finder.suggest().valley, 52, "on the way down, not on the plateau before it");
  finder.curve = [1, 2, 3].map((smoothed) => ({ learningRate: 1, loss: 0, smoothed }));
  assertEquals(finder.suggest(), { steepest: undefined, valley: undefined });
});

Deno.test("LearningRateFinder finds rates below the one at which the training diverges", async () => {
  // On (w - 5)^2, gradient descent diverges above a rate of 1.
  const { learner, dispose } = tinyLearner({ optimizer: sgd(0.1) });
  learner.dataloaders = { train: [[tf.ones([1, 1]), tf.fill([1, 1], 5)]] };
  const finder = new LearningRateFinder({ to: 100 });
  const { steepest, valley } = await finder.find(learner);
  assert(steepest! > 1e-3 && steepest! < 1, `${steepest}`);
  assert(valley! > 1e-3 && valley! < 1, `${valley}`);
  assert(finder.curve.at(-1)!.learningRate < 10);
  tf.dispose(learner.dataloaders.train as never);
  dispose();
});

/** The rates of a sweep in which the loss is changed by a constant. */
async function ratesOf(
  shift: number,
  options: { from?: number; to?: number; steps?: number } = {},
) {
  const { learner, dispose } = tinyLearner({
    sizes: { train: 4 },
    callbacks: [{ afterLoss: (learner) => void (learner.loss = learner.loss.add(shift)) }],
    optimizer: sgd(0.1),
  });
  const finder = new LearningRateFinder({ from: 1e-4, to: 1e3, steps: 60, ...options });
  const { valley } = await finder.find(learner);
  dispose();
  return { points: finder.curve.length, valley };
}

for (const shift of [-5, -1, -0.1, 3]) {
  testTensors(
    `LearningRateFinder passes the same rates for the loss and the loss + (${shift})`,
    async () => {
      const plain = await ratesOf(0);
      assert(plain.points > 20 && plain.points < 55, `it stops after ${plain.points} points`);
      const shifted = await ratesOf(shift);
      assertEquals(shifted.points, plain.points);
      assertEquals(shifted.valley, plain.valley);
    },
  );
}

testTensors("LearningRateFinder stops at once if the loss rises from the start", async () => {
  const { points } = await ratesOf(-2, { from: 100, to: 1000, steps: 100 });
  assert(points < 12, `it stops after ${points} points`);
});

for (
  const [name, losses] of [
    ["0", () => 0],
    ["a negative constant", () => -3],
    ["noise around 0", (step: number) => Math.sin(step * step)],
    ["noise far below 0", (step: number) => -100 + Math.sin(step * step)],
  ] as const
) {
  testTensors(`LearningRateFinder tries all rates if the loss is ${name}`, async () => {
    const finder = new LearningRateFinder({ steps: 60 });
    const { learner, dispose } = tinyLearner({
      callbacks: [{
        afterLoss(learner) {
          learner.loss = learner.loss.mul(0).add(losses(finder.curve.length));
        },
      }],
      optimizer: sgd(0.1),
    });
    await finder.find(learner);
    assertEquals(finder.curve.length, 60);
    dispose();
  });
}

Deno.test("LearningRateFinder refuses rates and steps out of range", () => {
  assertThrows(() => new LearningRateFinder({ from: 0 }), RangeError, "from must be");
  assertThrows(() => new LearningRateFinder({ to: 1e-9 }), RangeError, "to must be");
  assertThrows(() => new LearningRateFinder({ steps: 2 }), RangeError, "steps must be");
});
