import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { trainGpt } from "../../examples/gpt.ts";
import { readMail } from "../../examples/imbalanced.ts";
import { predictStrike, readStrikes, trainOnStrikes } from "../../examples/tabular.ts";
import { trainReader } from "../../examples/text.ts";
import { type AnyLearner, selectBackend, tf } from "../../mod.ts";
import { Checkpoint } from "../../callbacks.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

await selectBackend({ prefer: "cpu", quiet: true });

testInFolder(
  "the tabular example foresees damage, and predicts one row in another process",
  async (folder) => {
    const table = readStrikes();
    const metrics = await trainOnStrikes(table, folder, 4);
    assertGreater(metrics["test.rocAuc"], 0.75);
    const row = Object.fromEntries(
      table.columns.map((name, index) => [name, table.rows[0][index]]),
    );
    const large = await predictStrike(folder, { ...row, "Wildlife Size": "Large" });
    const small = await predictStrike(folder, { ...row, "Wildlife Size": "Small" });
    assert(large > small + 0.1, `${large}, ${small}`);
    if ((await Deno.permissions.query({ name: "run" })).state !== "granted") return;
    const path = new URL("../../examples/tabular.ts", import.meta.url).pathname;
    const { stdout, code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-lock",
        path,
        folder,
        JSON.stringify({ ...row, "Wildlife Size": "Large" }),
      ],
      stderr: "null",
    }).output();
    assertEquals(code, 0);
    assertMatch(
      new TextDecoder().decode(stdout),
      new RegExp(`damage: ${Math.round(100 * large)} %`),
    );
    assertEquals(tf.getBackend(), "cpu");
  },
);

testTensors("the text example finds spam by reading", async () => {
  // The WebAssembly backend reads its own file.
  if ((await Deno.permissions.query({ name: "read" })).state !== "granted") return;
  await selectBackend({ prefer: "wasm", quiet: true });
  const metrics = await trainReader(readMail(500), { epochs: 3, length: 30 });
  assertGreater(metrics["test.accuracy"], 0.894); // the share of honest mail
  assertGreater(metrics["test.recall"], 0);
});

testInFolder(
  "the GPT example learns a text, shows samples, and resumes where it was cut",
  async (folder) => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const text = "the sea and the whale and the ship and the sail. ".repeat(30);
    const train = async (callbacks: NonNullable<Parameters<typeof trainGpt>[1]>["callbacks"]) => {
      const samples: string[] = [];
      const show = (sample: string) => samples.push(sample.slice(0, 30));
      const loss = await trainGpt(text, { epochs: 12, context: 16, callbacks, show });
      return { loss, samples };
    };
    const whole = await train([]);
    assertEquals(whole.samples.length, 12);
    assertLess(whole.loss, 2.2); // 2.32 nats, if letters are guessed by their frequencies
    const cut = {
      afterBatch(learner: AnyLearner) {
        if (learner.epoch === 5 && learner.batchIndex === 1) throw new Error("power");
      },
    };
    const options = { every: { batches: 1 }, resume: "auto", log: () => {} } as const;
    const first = await train([new Checkpoint(folder, options), cut]).catch((error) =>
      error.message
    );
    assertEquals(first, "power");
    const rest = await train([new Checkpoint(folder, options)]);
    assertEquals(rest.loss, whole.loss);
    assertEquals(rest.samples, whole.samples.slice(-rest.samples.length));
    assert(rest.samples.length >= 6, String(rest.samples.length));
  },
);
