/**
 * Runs many random sets of callbacks: `deno task fuzz:callbacks [runs] [first seed]`. Prints the seed
 * of each set that breaks a law, and fails if there is one.
 *
 * @module
 */
import { runRandomSet } from "./random_sets.ts";

const [runs = 20_000, first = Math.floor(Math.random() * 1e9)] = Deno.args.map(Number);
let failed = 0;
console.log(`${runs} sets, from seed ${first} on`);
for (let seed = first; seed < first + runs; seed++) {
  try {
    await runRandomSet(seed);
  } catch (error) {
    failed++;
    console.log((error as Error).message);
  }
}
console.log(`${failed} of ${runs} sets break a law`);
Deno.exit(failed === 0 ? 0 : 1);
