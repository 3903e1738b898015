import { assert, assertEquals } from "@std/assert";
import { adam, Learner, selectBackend, tf } from "../../mod.ts";
import { TABLE, ZOO } from "./zoo/models.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

for (const name of TABLE) {
  if (name === "big_mlp") continue; // 20 million weights say nothing that mlp does not
  Deno.test(`the model ${name} of the benchmark trains`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const { data, labels, build, loss } = ZOO[name];
    const [x, y, model, optimizer] = [data(2), labels(2), build(), adam(1e-3)];
    const losses: number[] = [];
    const learner = new Learner({
      model,
      optimizer,
      lossFunction: loss,
      dataloaders: { train: [[x, y]] },
      callbacks: [{ afterEpoch: (learner: Learner) => void losses.push(learner.trainLoss) }],
    } as never);
    const before = tf.memory().numTensors;
    await learner.train({ epochs: 5 });
    assert(losses.every(Number.isFinite), losses.join());
    assert(Math.min(...losses.slice(2)) < losses[0], losses.join());
    // Two moments for each weight.
    assertEquals(tf.memory().numTensors - before, 2 * model.trainableWeights.length);
    tf.dispose([x, y]);
    model.dispose();
    optimizer.dispose();
  });
}
