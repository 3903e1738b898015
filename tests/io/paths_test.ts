import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadWeights, saveWeights } from "../../io.ts";
import { tf } from "../../mod.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";

const { state } = await Deno.permissions.query({ name: "write" });
const ignore = state !== "granted" || Deno.build.os === "windows";

/** Runs a test with a model, in a folder of its own. */
function testInFolder(
  name: string,
  test: (folder: string, model: tf.LayersModel) => Promise<void>,
) {
  Deno.test(name, { ignore }, async () => {
    await tf.setBackend("cpu");
    const folder = await Deno.makeTempDir();
    try {
      await assertNoTensorsLeft(async () => {
        const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
        await test(folder, model);
        model.dispose();
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const NAMES = ["a b", "ü–日本", "x'\"$(rm)", "no extension", ".hidden", "日".repeat(80)];

testInFolder("saveWeights() takes every name that the system takes", async (folder, model) => {
  for (const name of NAMES) {
    await saveWeights(model, `${folder}/${name}`);
    await loadWeights(model, `${folder}/${name}`);
  }
  assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), NAMES.toSorted());
});

testInFolder("saveWeights() writes to the file of a link", async (folder, model) => {
  await saveWeights(model, `${folder}/run.safetensors`);
  await Deno.symlink(`${folder}/run.safetensors`, `${folder}/latest.safetensors`);
  const before = await Deno.readFile(`${folder}/run.safetensors`);
  tf.tidy(() => model.setWeights([tf.ones([2, 1]), tf.ones([1])]));
  await saveWeights(model, `${folder}/latest.safetensors`);
  assert((await Deno.lstat(`${folder}/latest.safetensors`)).isSymlink);
  const after = await Deno.readFile(`${folder}/run.safetensors`);
  assert(!after.every((byte, index) => byte === before[index]));
});

testInFolder("saveWeights() does not replace a device or a socket", async (folder, model) => {
  const path = `${folder}/socket`;
  using _ = Deno.listen({ transport: "unix", path });
  await assertRejects(
    () => saveWeights(model, path),
    TypeError,
    `Cannot save to ${path} as it must be a file: it is a device, a pipe or a socket`,
  );
  assert((await Deno.lstat(path)).isSocket);
  await assertRejects(() => saveWeights(model, folder), Error);
  assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["socket"]);
});
