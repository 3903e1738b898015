/**
 * Trains random models operation by operation and compiled, and compares all bits. It exits with 1 if
 * one differs, fails or leaves tensors.
 *
 * ```sh
 * deno task fuzz:models 0 5000   # the first seed, and the end of the seeds
 * ```
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type AnyLearner, selectBackend, tf } from "../../mod.ts";
import { randomTraining } from "./random_models.ts";

const [from = 0, to = 200] = Deno.args.map(Number);
await selectBackend({ prefer: "wasm", quiet: true });
const ways: Record<string, number> = {}, reasons: Record<string, number> = {};
let failures = 0;

function count({ stepState }: AnyLearner): void {
  const { way, reason } = stepState!;
  ways[way] = (ways[way] ?? 0) + 1;
  const kind = reason?.replaceAll(/\d+/g, "#");
  if (kind) reasons[kind] = (reasons[kind] ?? 0) + 1;
}

for (let seed = from; seed < to; seed++) {
  const training = randomTraining(seed);
  const before = tf.memory().numTensors;
  const { description } = training;
  const { numTensors } = tf.memory();
  // Layers that did not fit have left tensors, each time that the model was built.
  const left = 3 * (numTensors - before);
  try {
    const eager = await training.run({ compile: false, epochs: 4 });
    for (const compile of [undefined, true]) {
      assertEquals(await training.run({ compile, epochs: 4, afterBatch: count }), eager);
    }
    assertEquals(tf.memory().numTensors - numTensors, left, "tensors are left");
  } catch (error) {
    failures++;
    console.error(`${description}\n${error}`);
  }
}
console.log(`${to - from} seeds, ${failures} failures; steps:`, ways);
console.log("not played because", reasons);
Deno.exit(failures > 0 ? 1 : 0);
