import { assertEquals } from "@std/assert";
import { adam, type AnyLearner, Learner, selectBackend, tf, withSeed } from "../../../mod.ts";
import { TABLE, ZOO } from "../../bench/zoo/models.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

/** Trains and validates a model; returns its losses and weights, and how its steps were taken. */
async function train(name: string, compile: boolean) {
  const { data, labels, build, loss } = ZOO[name];
  const model = withSeed(1, build);
  const batches = withSeed(2, () => Array.from({ length: 6 }, () => [data(2), labels(2)]));
  const optimizer = adam(1e-3);
  const losses: number[] = [], ways: string[] = [];
  const look = (learner: AnyLearner) => {
    losses.push(learner.loss.dataSync()[0]);
    ways.push(learner.stepState!.way);
  };
  const learner = new Learner({
    model,
    optimizer,
    lossFunction: loss,
    dataloaders: { train: batches, validation: batches.slice(1) },
    callbacks: [{ afterStep: look, afterValidationBatch: look }],
    seed: 3,
    compile,
  } as never);
  await learner.train();
  const weights = model.weights.map((weight) => weight.read().dataSync());
  tf.dispose(batches);
  model.dispose();
  optimizer.dispose();
  return { numbers: { losses, weights }, ways };
}

for (const name of TABLE) {
  if (name === "big_mlp") continue; // 20 million weights say nothing that mlp does not
  Deno.test(
    `played steps and evaluations of the model ${name} give the same bits`,
    { ignore },
    async () => {
      await selectBackend({ prefer: "wasm", quiet: true });
      const { numTensors } = tf.memory();
      const eager = await train(name, false);
      // Some models keep a mask in a closure.
      const kept = tf.memory().numTensors - numTensors;
      const { numbers, ways } = await train(name, true);
      assertEquals(numbers, eager.numbers);
      assertEquals(tf.memory().numTensors - numTensors, 2 * kept);
      const first = "eager,recorded,recorded,played,played";
      assertEquals(ways.join(), `${first},played,${first}`);
      await tf.setBackend("cpu");
    },
  );
}
