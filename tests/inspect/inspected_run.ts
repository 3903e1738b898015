/**
 * An inspected run, in a process that must end by itself.
 *
 *     deno run -A tests/inspect/inspected_run.ts URL calm|steered|failing|busy
 *
 * @module
 */
import { CancelBatch, tf } from "../../mod.ts";
import { inspector } from "../../inspect.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

const [url, mode] = Deno.args;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const before = tf.memory().numTensors;

const { learner } = tinyLearner({
  kind: "scalar",
  sizes: { train: mode === "busy" ? 250 : 6, validation: 2, test: 2 },
  callbacks: [{
    async beforeStep({ epoch, batchIndex }) {
      await wait(30);
      if (mode === "steered" && epoch === 0 && batchIndex === 2) {
        learner.pause();
        setTimeout(() => learner.resume(), 300);
      }
      if (mode === "steered" && epoch === 1 && batchIndex === 2) learner.cancel("epoch");
      if (mode === "failing" && epoch === 1) throw new Error("broken on purpose");
    },
    async beforeBatch() {
      if (mode !== "busy") return;
      await wait(1);
      throw new CancelBatch();
    },
  }],
});

const inspect = inspector({ url });
for (let run = 0; run < (mode === "busy" ? 1 : 2); run++) {
  const { status } = await learner.train({ epochs: 2, inspect }).catch(() => ({
    status: "failed",
  }));
  console.log(status, tf.memory().numTensors - before);
}
