import { assert } from "@std/assert";
import { selectBackend } from "../../mod.ts";
import { drill } from "./drill.ts";

const { state } = await Deno.permissions.query({ name: "run" });

Deno.test("Checkpoint survives 20 kills, and the weights are those of the uninterrupted run", {
  ignore: state !== "granted",
}, async () => {
  await selectBackend({ prefer: "cpu", quiet: true });
  const { kills, checkpoints } = await drill(20);
  assert(kills === 20 && checkpoints > 0);
});
