import { assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { randomTraining } from "./random_models.ts";

// The WebAssembly backend reads its files.
const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

Deno.test(
  "trainings of random models repeat bit for bit, and leave no tensor",
  { ignore },
  async (t) => {
    await selectBackend({ prefer: "wasm", quiet: true });
    try {
      for (let seed = 0; seed < 60; seed++) {
        const training = randomTraining(seed);
        await t.step(training.description, async () => {
          const { numTensors } = tf.memory();
          const first = await training.run();
          assertEquals(await training.run(), first);
          assertEquals(tf.memory().numTensors, numTensors);
        });
      }
    } finally {
      await tf.setBackend("cpu");
    }
  },
);

Deno.test("random trainings differ from seed to seed", async () => {
  const { weights } = await randomTraining(1).run();
  assertNotEquals((await randomTraining(2).run()).weights, weights);
});
