import { assert, assertEquals, assertRejects } from "@std/assert";
import { type HostTensor, loadCheckpoint, SafetensorsFile } from "../../mod.ts";
import { Checkpoint, type Learner, selectBackend, tf } from "../../mod.ts";
import { writeInBackground } from "../../src/io/write_in_background.ts";
import { tiny } from "../callbacks/tiny.ts";

const { state: write } = await Deno.permissions.query({ name: "write" });
const { state: read } = await Deno.permissions.query({ name: "read" });
const ignore = write !== "granted" || read !== "granted";

/** 64 MB, which a thread of its own writes. */
const LENGTH = 1 << 24;

function large(): Map<string, HostTensor> {
  return new Map([["w", {
    dtype: "F32",
    shape: [LENGTH],
    values: new Float32Array(LENGTH).fill(3),
  }]]);
}

Deno.test(
  "writeInBackground() hands large tensors to another thread",
  { ignore },
  async () => {
    const path = await Deno.makeTempFile();
    const tensors = large();
    await writeInBackground(path, tensors, { note: "hello" });
    assertEquals(tensors.get("w")!.values.length, 0, "the memory was handed over");
    using file = await SafetensorsFile.open(path);
    await file.verify();
    assertEquals(file.metadata.note, "hello");
    const { values } = await file.read("w");
    assertEquals([values.length, values[0], values.at(-1)], [LENGTH, 3, 3]);
    await Deno.remove(path);
  },
);

Deno.test("writeInBackground() passes on what the file system says", { ignore }, async () => {
  for (const tensors of [large(), new Map<string, HostTensor>()]) {
    await assertRejects(
      () => writeInBackground("/nowhere/at/all", tensors, {}),
      Error,
      "No such file",
    );
  }
});

for (const prefer of ["cpu", "wasm"] as const) {
  Deno.test(
    `Checkpoint of a large model leaves its weights in place [${prefer}]`,
    { ignore },
    async () => {
      await selectBackend({ prefer, quiet: true });
      const folder = await Deno.makeTempDir();
      const { numTensors } = tf.memory();
      const layers = () => [
        tf.layers.dense({ units: 2048, inputShape: [1] }),
        tf.layers.dense({ units: 2048 }),
        tf.layers.dense({ units: 1 }),
      ];
      const sums: number[] = [];
      const sum = ({ model }: Learner) =>
        void sums.push(
          tf.tidy(() =>
            tf.addN((model as tf.LayersModel).getWeights().map((w) => w.sum())).dataSync()[0]
          ),
        );
      const { learner, dispose } = tiny([
        new Checkpoint(folder, { every: { batches: 4 }, last: 9 }),
        { afterTrain: sum },
      ], { layers, optimizer: tf.train.sgd(1e-6) });
      try {
        assertEquals((await learner.train()).status, "completed");
        sum(learner);
        assert(Number.isFinite(sums[0]) && sums[0] === sums[1]);
        const files = Array.from(Deno.readDirSync(folder), ({ name }) => `${folder}/${name}`);
        assertEquals(files.length, 3); // the last batch, the end of the training and that of the test
        for (const file of files) await loadCheckpoint(file);
      } finally {
        dispose();
        await Deno.remove(folder, { recursive: true });
      }
      assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
    },
  );
}
