import { selectBackend } from "../../mod.ts";
import { runRandomSet } from "./random_sets.ts";

const states = await Promise.all(
  (["read", "write"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");

for (const [prefer, first] of [["cpu", 0], ["wasm", 250]] as const) {
  Deno.test(`random sets of callbacks obey the laws of all callbacks [${prefer}]`, {
    ignore,
  }, async () => {
    await selectBackend({ prefer, quiet: true });
    for (let seed = first; seed < first + 250; seed++) await runRandomSet(seed);
  });
}
