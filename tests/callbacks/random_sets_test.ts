import { runRandomSet } from "./random_sets.ts";

Deno.test("random sets of callbacks obey the laws of all callbacks", async () => {
  for (let seed = 0; seed < 500; seed++) await runRandomSet(seed);
});
