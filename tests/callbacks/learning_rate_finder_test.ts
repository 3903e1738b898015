import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adam, PRIORITIES, sgd, tf } from "../../mod.ts";
import { LearningRateFinder } from "../../callbacks.ts";
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

Deno.test("LearningRateFinder stops when the loss exceeds 4 times the best", async () => {
  const losses = [8, 8, 8, 4, 4, 2, 2, 3, 3, 86]; // The mean goes from 4.13 to 16.7.
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
  // Slopes over two steps are largest around index 5 (9 -> 3). The longest series of ever smaller
  // losses is 10.1, 9.9, 9.5, 9, 8, 3, 2.5, 2.4: two thirds of the way down is at 4.97.
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

Deno.test("LearningRateFinder refuses rates and steps out of range", () => {
  assertThrows(() => new LearningRateFinder({ from: 0 }), RangeError, "from must be");
  assertThrows(() => new LearningRateFinder({ to: 1e-9 }), RangeError, "to must be");
  assertThrows(() => new LearningRateFinder({ steps: 2 }), RangeError, "steps must be");
});
