import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Checkpoint,
  Learner,
  loadCheckpoint,
  meanSquaredError,
  selectBackend,
  sgd,
  tf,
} from "../../mod.ts";
import { type HostTensor, SafetensorsFile } from "../../io.ts";
import { writeInBackground } from "../../src/io/safetensors_file.ts";

const { state: write } = await Deno.permissions.query({ name: "write" });
const { state: read } = await Deno.permissions.query({ name: "read" });
const ignore = write !== "granted" || read !== "granted";

/** 64 MiB, which another thread writes. */
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

Deno.test("writeInBackground() throws the error of the file system", { ignore }, async () => {
  for (const tensors of [large(), new Map<string, HostTensor>()]) {
    await assertRejects(
      () => writeInBackground("/nowhere/at/all", tensors, {}),
      Error,
      "No such file",
    );
  }
});

for (const prefer of ["cpu", "wasm"] as const) {
  Deno.test(`Checkpoint of a large model leaves its weights in place [${prefer}]`, {
    ignore,
  }, async () => {
    await selectBackend({ prefer, quiet: true });
    const folder = await Deno.makeTempDir();
    const { numTensors } = tf.memory();
    const [large, small] = tf.tidy(() => [
      tf.variable(tf.fill([LENGTH], 3), false),
      tf.variable(tf.scalar(1)),
    ]);
    const sum = () => tf.tidy(() => large.sum().dataSync()[0]);
    const learner = new Learner({
      model: {
        apply: (data: tf.Tensor) => data.mul(small),
        trainableVariables: [small],
        variables: [small, large],
      },
      optimizer: sgd(0.1),
      lossFunction: meanSquaredError,
      dataloaders: {
        *train() {
          yield [tf.ones([1, 1]), tf.zeros([1, 1])];
        },
      },
      callbacks: [new Checkpoint(folder, { every: { batches: 1 } })],
    });
    try {
      const before = sum();
      assertEquals((await learner.train()).status, "completed");
      assertEquals(sum(), before);
      const files = Array.from(Deno.readDirSync(folder), ({ name }) => `${folder}/${name}`);
      assertEquals(files.length, 2); // one after the batch, one at the end
      for (const file of files) {
        const values = [...(await loadCheckpoint(file)).tensors.values()];
        assert(values.some(({ values }) => values.length === LENGTH && values[LENGTH - 1] === 3));
      }
    } finally {
      tf.dispose([large, small]);
      learner.optimizer.dispose();
      await Deno.remove(folder, { recursive: true });
    }
    assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
  });
}
