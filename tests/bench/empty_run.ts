import { Learner, tf } from "../../mod.ts";
import type { PumpOptions } from "../../src/chart/pump.ts";
import type { TaskName } from "../../src/chart/hooks.ts";
import { Run } from "../../src/learner/run.ts";
import { CompiledSteps } from "../../src/learner/compiled_steps.ts";

/** A run whose steps compute nothing: what is left is the machine, the pump and the loop. */
class EmptyRun extends Run {
  override perform(task: TaskName): void | Promise<void> {
    if (task !== "compute" && task !== "step") return super.perform(task);
  }
}

/** Batches that cost nothing: variables are never disposed. */
function batches(count: number) {
  const x = tf.variable(tf.zeros([1, 1]));
  return function* () {
    for (let index = 0; index < count; index++) yield [x, x] as const;
  };
}

/** Trains for an epoch of `count` batches, of which none is computed. */
export async function runEmpty(
  count: number,
  callbacks: object[],
  options: PumpOptions = {},
): Promise<void> {
  const model = { apply: (x: tf.Tensor) => x, trainableVariables: [tf.variable(tf.scalar(0))] };
  const learner = new Learner({
    model,
    optimizer: tf.train.sgd(0.1),
    lossFunction: () => tf.scalar(0),
    dataloaders: { train: batches(count) },
    callbacks,
  });
  learner.epochs = 1;
  const run = new EmptyRun(learner, {
    ...options,
    kind: "train",
    steps: new CompiledSteps(),
  });
  run.pump.start("train");
  await run.pump.run();
}
