/**
 * Runs many random sets of callbacks: `deno task fuzz:callbacks [runs] [first seed] [backend]`. Without
 * a backend, the first half runs on cpu, the second on wasm. Prints the seed of each set that breaks a
 * law, and fails if there is one.
 *
 * @module
 */
import { selectBackend } from "../../mod.ts";
import { runRandomSet } from "./random_sets.ts";

const [runs = 20_000, first = Math.floor(Math.random() * 1e9)] = Deno.args.slice(0, 2).map(Number);
const [, , backend] = Deno.args as [unknown?, unknown?, ("cpu" | "wasm")?];
let failed = 0;
console.log(`${runs} sets, from seed ${first} on`);
for (let run = 0; run < runs; run++) {
  const prefer = backend ?? (run < runs / 2 ? "cpu" : "wasm");
  if (run === 0 || run === Math.ceil(runs / 2)) await selectBackend({ prefer, quiet: true });
  try {
    await runRandomSet(first + run);
  } catch (error) {
    failed++;
    console.log(`${prefer}, ${(error as Error).message.slice(0, 500)}`);
  }
  if ((run + 1) % 1000 === 0) console.log(`${run + 1} sets, of which ${failed} break a law`);
}
console.log(`${failed} of ${runs} sets break a law`);
Deno.exit(failed === 0 ? 0 : 1);
