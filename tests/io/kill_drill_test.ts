import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { selectBackend } from "../../mod.ts";
import { checkpointsOf, drill, expectedWeights, spawn } from "./drill.ts";

const { state } = await Deno.permissions.query({ name: "run" });

Deno.test("Checkpoint survives 20 kills, and the weights are those of the uninterrupted run", {
  ignore: state !== "granted",
}, async () => {
  await selectBackend({ prefer: "cpu", quiet: true });
  const { kills, checkpoints } = await drill(20, 1);
  assert(kills === 20 && checkpoints > 0);
});

Deno.test("Checkpoint saves on Ctrl+C, and the same command resumes", {
  ignore: state !== "granted" || Deno.build.os === "windows",
}, async () => {
  await selectBackend({ prefer: "cpu", quiet: true });
  const seed = 3;
  const expected = await expectedWeights(seed);
  const folder = await Deno.makeTempDir();
  const resumed = checkpointsOf(folder);
  await Deno.mkdir(resumed);
  const files = () => Array.from(Deno.readDirSync(resumed)).length;
  const weightsOf = async (child: Deno.ChildProcess) => {
    const { success, stdout, stderr } = await child.output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).split("\n")[1];
  };
  const interrupted = spawn(folder, seed);
  while (files() === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  interrupted.kill("SIGINT");
  assertNotEquals(await weightsOf(interrupted), expected);
  assertEquals(await weightsOf(spawn(folder, seed)), expected);
  await Deno.remove(folder, { recursive: true });
});
