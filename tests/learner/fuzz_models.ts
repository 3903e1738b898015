/**
 * Trains random models operation by operation and compiled, and compares all bits. It exits with 1 if
 * one differs, fails or leaves tensors.
 *
 * ```sh
 * deno task fuzz:models 0 5000     # the first seed, and the end of the seeds
 * deno task fuzz:models 0 5000 Mix # only with these traits, and up to the first failure
 * ```
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { assertEquals } from "@std/assert";
import { type AnyLearner, selectBackend, tf } from "../../mod.ts";
import { randomTraining } from "./random_models.ts";

const [from = 0, to = 200] = Deno.args.slice(0, 2).map(Number);
const [, , traits] = Deno.args;
await selectBackend({ prefer: "wasm", quiet: true });
const ways: Record<string, number> = {}, reasons: Record<string, number> = {};
let seeds = 0, failures = 0;

function count({ stepState }: AnyLearner): void {
  const { way, reason } = stepState!;
  ways[way] = (ways[way] ?? 0) + 1;
  const kind = reason?.replaceAll(/\d+/g, "#");
  if (kind) reasons[kind] = (reasons[kind] ?? 0) + 1;
}

for (let seed = from; seed < to; seed++) {
  const training = randomTraining(seed);
  if (traits !== undefined && !training.traits.includes(traits)) continue;
  seeds++;
  const before = tf.memory().numTensors;
  const { description } = training;
  const { numTensors } = tf.memory();
  // Layers that did not fit have left tensors, each time that the model was built.
  const left = 3 * (numTensors - before);
  try {
    const eager = await training.run({ compile: false, epochs: 4 });
    for (const compile of [undefined, true]) {
      const numbers = await training.run({ compile, epochs: 4, afterBatch: count });
      // Not assertEquals(): to describe how thousands of numbers differ takes minutes.
      const differing = Object.keys(eager).filter((name) =>
        !isDeepStrictEqual(numbers[name], eager[name])
      );
      assertEquals(differing, [], "numbers differ");
    }
    assertEquals(tf.memory().numTensors - numTensors, left, "tensors are left");
  } catch (error) {
    failures++;
    console.error(`${description}\n${error}`);
    if (traits !== undefined) break;
  }
}
console.log(`${seeds} seeds, ${failures} failures; steps:`, ways);
console.log("not played because", reasons);
Deno.exit(failures > 0 ? 1 : 0);
