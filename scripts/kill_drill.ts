/**
 * `deno task drill:kill --runs 100`: kills so many trainings, and tells what came of them.
 *
 * @module
 */
import { selectBackend } from "../mod.ts";
import { drill } from "../tests/io/drill.ts";

const at = Deno.args.indexOf("--runs");
const runs = at < 0 ? 100 : Number(Deno.args[at + 1]);
if (!(runs >= 1)) throw new RangeError(`Cannot drill as --runs must be >= 1: it is ${runs}`);
await selectBackend({ prefer: "cpu", quiet: true });
const { kills, insideWrites, trainings, checkpoints } = await drill(runs);
console.log(
  `${kills} kills (${insideWrites} inside a write) in ${trainings} trainings: all weights as of ` +
    `the uninterrupted run, all of ${checkpoints} checkpoints intact`,
);
