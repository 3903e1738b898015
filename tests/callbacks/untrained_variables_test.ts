/**
 * A model of one's own may have variables that are not trained, such as a counter or a moving mean:
 * whatever saves, restores, averages or sends weights includes them.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type CallbackLike,
  EarlyStopping,
  Learner,
  meanSquaredError,
  type Model,
  type RunCheckpoint,
  sgd,
  tf,
} from "../../mod.ts";
import { fastDevRun, LearningRateFinder, WeightAverage } from "../../callbacks.ts";
import { broadcastLearner } from "../../src/distributed/broadcast_learner.ts";
import type { World } from "../../src/distributed/world.ts";

/** `slope * x`; `mean`, which is not trained, moves halfway to the mean of each training batch. */
class Centred implements Model<tf.Tensor, tf.Tensor>, Disposable {
  readonly slope: tf.Variable = tf.tidy(() => tf.variable(tf.scalar(0)));
  readonly mean: tf.Variable = tf.tidy(() => tf.variable(tf.scalar(0), false));
  readonly trainableVariables: tf.Variable[] = [this.slope];
  readonly variables: tf.Variable[] = [this.slope, this.mean];

  apply(data: tf.Tensor, { training }: { training: boolean }): tf.Tensor {
    if (training) tf.tidy(() => this.mean.assign(this.mean.add(data.mean()).div(2)));
    return data.mul(this.slope);
  }

  get numbers(): number[] {
    return this.variables.map((variable) => variable.dataSync()[0]);
  }

  [Symbol.dispose](): void {
    tf.dispose(this.variables);
  }
}

/** Two batches of training, of mean 1 and 3, and one of validation. */
function learnerOf(model: Centred, callbacks: CallbackLike[] = []): Learner {
  const loader = (...means: number[]) =>
    function* (): Generator<[tf.Tensor, tf.Tensor]> {
      for (const mean of means) yield [tf.fill([2, 1], mean), tf.ones([2, 1])];
    };
  return new Learner({
    model,
    optimizer: sgd(0.01),
    lossFunction: meanSquaredError,
    dataloaders: { train: loader(1, 3), validation: loader(2) },
    callbacks,
    seed: 1,
  });
}

function testModel(name: string, test: (model: Centred) => Promise<void>): void {
  Deno.test(name, async () => {
    const before = tf.memory().numTensors;
    {
      using model = new Centred();
      await test(model);
    }
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });
}

testModel("EarlyStopping restores untrained variables of the best epoch", async (model) => {
  const seen: number[][] = [];
  const learner = learnerOf(model, [
    { name: "Measure", metricNames: ["validation.score"] },
    {
      afterValidate: ({ metrics, epoch }) => void (metrics["validation.score"] = [2, 1, 3][epoch]),
    },
    { afterValidate: () => void seen.push(model.numbers) },
    new EarlyStopping({ monitor: "validation.score", mode: "min", restoreBest: true }),
  ]);
  await learner.train({ epochs: 3 });
  assertEquals(model.numbers, seen[1]);
  assert(seen[1][1] !== seen[2][1], "the variable never changes");
});

testModel("LearningRateFinder.find() restores untrained variables", async (model) => {
  const learner = learnerOf(model);
  await learner.train();
  const before = model.numbers;
  let during = before;
  learner.callbacks = [{ afterStep: () => void (during = model.numbers) }];
  await new LearningRateFinder({ steps: 10 }).find(learner);
  assert(during[1] !== before[1], "the variable never changes");
  assertEquals(model.numbers, before);
});

testModel("fastDevRun() restores untrained variables", async (model) => {
  await fastDevRun(learnerOf(model));
  assertEquals(model.numbers, [0, 0]);
});

testModel("WeightAverage averages untrained variables", async (model) => {
  const ends: number[][] = [];
  const learner = learnerOf(model, [
    { afterEpoch: () => void ends.push(model.numbers) },
    new WeightAverage({ method: "swa", startEpoch: 0 }),
  ]);
  await learner.train({ epochs: 2 });
  // 0 -> 0.5 -> 1.75, then 1.375 -> 2.1875.
  assertEquals(ends.map(([, mean]) => mean), [1.75, 2.1875]);
  assertAlmostEquals(model.numbers[1], (1.75 + 2.1875) / 2, 1e-6);
});

testModel("a checkpoint restores untrained variables", async (model) => {
  let from: RunCheckpoint | undefined;
  const learner = learnerOf(model, [{
    async afterEpoch(learner) {
      if (learner.epoch === 0) from = await learner.checkpoint();
    },
  }]);
  await learner.train({ epochs: 2 });
  using other = new Centred();
  await learnerOf(other).train({ from });
  assertEquals(other.numbers, model.numbers);
});

testModel("broadcastLearner() sends untrained variables to all ranks", async (model) => {
  await learnerOf(model).train();
  const messages: ArrayLike<number>[] = [];
  const first = {
    rank: 0,
    broadcast: (values: ArrayLike<number>) => void messages.push(values),
  } as unknown as World;
  const second = {
    rank: 1,
    broadcast: (values: { set(from: ArrayLike<number>): void }) => values.set(messages.shift()!),
  } as unknown as World;
  using other = new Centred();
  const receiver = learnerOf(other);
  await broadcastLearner(first, learnerOf(model));
  await broadcastLearner(second, receiver);
  assertEquals(other.numbers, model.numbers);
  receiver.optimizer.dispose();
});
