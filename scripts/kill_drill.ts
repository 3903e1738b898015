/**
 * `deno task drill:kill [--runs 100] [--seed N]`: kills so many trainings, each with other callbacks,
 * drawn by the seed, and says what came of them.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { selectBackend } from "../mod.ts";
import { drill } from "../tests/io/drill.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "100" }, seed: { type: "string" } },
});
const runs = Number(values.runs);
if (!(runs >= 1)) throw new RangeError(`Cannot drill as --runs must be >= 1: it is ${runs}`);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
console.log(`callbacks from seed ${seed} on`);
await selectBackend({ prefer: "cpu", quiet: true });
const { kills, insideWrites, trainings, checkpoints } = await drill(runs, seed);
console.log(
  `${kills} kills (${insideWrites} inside a write) in ${trainings} trainings: all weights as of ` +
    `the uninterrupted run, all of ${checkpoints} checkpoints intact`,
);
