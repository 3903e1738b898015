import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type AnyLearner, selectBackend, tf } from "../../mod.ts";
import { randomTraining } from "./random_models.ts";

// The WebAssembly backend reads its files.
const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

Deno.test(
  "trainings of random models repeat bit for bit, compiled or not, and leave no tensor",
  { ignore },
  async (t) => {
    await selectBackend({ prefer: "wasm", quiet: true });
    let played = 0;
    const afterBatch = ({ stepState }: AnyLearner) => {
      if (stepState?.way === "played") played++;
    };
    try {
      for (let seed = 0; seed < 200; seed++) {
        const training = randomTraining(seed);
        await t.step(training.description, async () => {
          const { numTensors } = tf.memory();
          const eager = await training.run({ compile: false });
          for (const compile of [undefined, true]) {
            assertEquals(await training.run({ compile, afterBatch }), eager);
          }
          assertEquals(tf.memory().numTensors, numTensors);
        });
      }
      assert(played > 500, `only ${played} steps were played back`);
    } finally {
      await tf.setBackend("cpu");
    }
  },
);

Deno.test("random trainings differ from seed to seed", async () => {
  const { weights } = await randomTraining(1).run();
  assertNotEquals((await randomTraining(2).run()).weights, weights);
});
