/**
 * Logs on a file system on which anything can happen.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fs from "node:fs/promises";
import { CsvLogger, type EpochLogger, JsonLinesLogger, TensorBoard } from "../../callbacks.ts";
import { type CallbackLike, Learner, meanSquaredError, sgd, tf } from "../../mod.ts";
import { endLastLine } from "../../src/io/left_file.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

type Options = ConstructorParameters<typeof CsvLogger>[1];

const LOGS: Record<string, (folder: string, options?: Options) => EpochLogger> = {
  CsvLogger: (folder, options) => new CsvLogger(`${folder}/run.csv`, options),
  JsonLinesLogger: (folder, options) => new JsonLinesLogger(`${folder}/run.jsonl`, options),
  TensorBoard: (folder, options) => new TensorBoard(folder, { histogramEpochs: 0, ...options }),
};

/** The events, rows or records in the only file of a folder. */
function entriesOf(folder: string): string[] {
  const [{ name }] = [...Deno.readDirSync(folder)];
  const path = `${folder}/${name}`;
  if (name.endsWith(".csv")) {
    return Deno.readTextFileSync(path).trim().split("\n").map((line) => line.split(",")[0]);
  }
  if (name.endsWith(".jsonl")) {
    return Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line).event);
  }
  // The format: length (8 bytes), its checksum (4), the record, its checksum (4).
  const bytes = Deno.readFileSync(path);
  const entries: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(new DataView(bytes.buffer, at).getBigUint64(0, true));
    const text = new TextDecoder().decode(bytes.subarray(at + 12, at + 12 + length));
    entries.push(
      text.includes("brain.Event") ? "version" : text.includes("loss") ? "epoch" : "text",
    );
    at += length + 16;
    assert(at <= bytes.length, "the last record is cut short");
  }
  return entries;
}

/** Trains for some epochs of one batch, with a log and what happens to it. */
async function train(callbacks: CallbackLike[], epochs = 3): Promise<string> {
  const batch: [tf.Tensor, tf.Tensor] = [tf.ones([1, 1]), tf.ones([1, 1])];
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  try {
    const learner = new Learner({
      model,
      optimizer: sgd(0.1),
      lossFunction: meanSquaredError,
      dataloaders: { train: [batch] },
      callbacks,
    });
    return (await learner.train({ epochs })).status;
  } finally {
    model.dispose();
    tf.dispose(batch);
  }
}

/** Does something before an epoch, when the one before is logged. */
function before(epoch: number, act: () => unknown): CallbackLike {
  return {
    priority: 200,
    async beforeEpoch(learner) {
      if (learner.epoch === epoch) await act();
    },
  };
}

const WHOLE = {
  CsvLogger: ["epoch", "0", "1", "2"],
  JsonLinesLogger: ["train", "epoch", "epoch", "epoch", "end"],
  TensorBoard: ["version", "text", "epoch", "epoch", "epoch"],
};
/** After a loss of the file behind the second epoch. */
const REST = {
  CsvLogger: WHOLE.CsvLogger,
  JsonLinesLogger: ["epoch", "end"],
  TensorBoard: ["version", "epoch"],
};

for (const [name, make] of Object.entries(LOGS)) {
  const key = name as keyof typeof WHOLE;

  testInFolder(`${name}: a folder that goes during a run comes back`, async (folder) => {
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const remove = before(2, () => Deno.remove(`${folder}/log`, { recursive: true }));
    assertEquals(await train([make(`${folder}/log`, { warn }), remove]), "completed");
    assertEquals(entriesOf(`${folder}/log`), REST[key]);
    assertEquals(warnings, []);
  });

  testInFolder(`${name}: what cannot be written for a while is written later`, async (folder) => {
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const { writeFile } = fs;
    // Half of what is to be written is, as on a disk that becomes full.
    const fill = before(1, () => {
      fs.writeFile = async (path, data, options) => {
        await writeFile(path, (data as Uint8Array).subarray(0, 7), options);
        throw new Error("No space left on device");
      };
    });
    const empty = before(2, () => void (fs.writeFile = writeFile));
    try {
      assertEquals(await train([make(`${folder}/log`, { warn }), fill, empty], 4), "completed");
    } finally {
      fs.writeFile = writeFile;
    }
    const whole = [...WHOLE[key]];
    whole.splice(4, 0, key === "CsvLogger" ? "3" : "epoch");
    assertEquals(entriesOf(`${folder}/log`), whole);
    assertEquals(warnings.length, 1, warnings.join());
    assert(warnings[0].startsWith(`${name} cannot write its log`), warnings[0]);
  });

  testInFolder(`${name}: a log that cannot be written does not end the run`, async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "no folder");
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    assertEquals(await train([make(`${folder}/file/log`, { warn })]), "completed");
    assertEquals(warnings.length, 1);
    const failing = make(`${folder}/file/log`, { warn, onError: "fail" });
    await assertRejects(() => train([failing]), Error, "Not a directory");
  });

  testInFolder(`${name}: a later test() leaves the log alone`, async (folder) => {
    const batch: [tf.Tensor, tf.Tensor] = [tf.ones([1, 1]), tf.ones([1, 1])];
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    const learner = new Learner({
      model,
      optimizer: sgd(0.1),
      lossFunction: meanSquaredError,
      dataloaders: { train: [batch], validation: [batch], test: [batch] },
      callbacks: [make(`${folder}/log`)],
    });
    await learner.train();
    const entries = entriesOf(`${folder}/log`);
    await learner.validate();
    await learner.test();
    assertEquals(entriesOf(`${folder}/log`), entries);
    model.dispose();
    tf.dispose(batch);
  });

  Deno.test(`${name} refuses options that it does not know`, () => {
    assertThrows(() => make("log", { onErrors: "fail" } as Options), TypeError, '"onError"');
    const wrong = { onError: "ignore" } as unknown as Options;
    assertThrows(() => make("log", wrong), TypeError, 'must be "warn" or "fail"');
  });
}

testInFolder(
  "JsonLinesLogger removes a line that was cut short, and keeps whole ones",
  async (folder) => {
    const path = `${folder}/run.jsonl`;
    const events = async (text: string) => {
      await Deno.writeTextFile(path, text);
      await train([new JsonLinesLogger(path, { append: true })], 1);
      return entriesOf(folder);
    };
    const run = ["train", "epoch", "end"];
    assertEquals(await events('{"event":"old"}\n{"event":"epo'), ["old", ...run]);
    assertEquals(await events('{"event":"old"}'), ["old", ...run]);
    assertEquals(await events('{"event":"old'), run);
    assertEquals(await events(""), run);
  },
);

testInFolder("endLastLine() finds the beginning of a very long last line", async (folder) => {
  const path = `${folder}/long`;
  await Deno.writeTextFile(path, "first\n" + "x".repeat(300_000));
  assertEquals(await endLastLine(path), true);
  assertEquals(await Deno.readTextFile(path), "first\n");
  assertEquals(await endLastLine(`${folder}/missing`), false);
});

Deno.test("a logger refuses a value that is no path at construction", () => {
  for (const Logger of [CsvLogger, JsonLinesLogger]) {
    assertThrows(() => new Logger(new URL("https://example.com/log")), TypeError, "file:");
  }
});
