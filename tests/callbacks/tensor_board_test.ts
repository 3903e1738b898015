import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { accuracy, Metrics, selectBackend } from "../../mod.ts";
import { TensorBoard } from "../../callbacks.ts";
import { crc32c } from "../../src/io/event_file.ts";
import { type DecodedEvent, decodeEvent } from "../fixtures/event_messages.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

const { state } = await Deno.permissions.query({ name: "write" });

/** Splits a file into records and checks both checksums of each. */
function readEvents(bytes: Uint8Array): DecodedEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const unmask = (masked: number) => {
    const rotated = (masked - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  const events: DecodedEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    const message = bytes.subarray(at + 12, at + 12 + length);
    assertEquals(unmask(view.getUint32(at + 8, true)), crc32c(bytes.subarray(at, at + 8)));
    assertEquals(unmask(view.getUint32(at + 12 + length, true)), crc32c(message));
    events.push(decodeEvent(message));
    at += length + 16;
  }
  return events;
}

Deno.test("crc32c() gives the checksums of RFC 3720", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
});

Deno.test(
  "TensorBoard writes events that TensorBoard's own messages decode",
  { ignore: state !== "granted" },
  async () => {
    await selectBackend({ prefer: "cpu", quiet: true });
    const folder = await Deno.makeTempDir();
    const board = new TensorBoard(folder, {
      histogramEpochs: 2,
      texts: { notes: "**bold** – ü" },
    });
    const { learner, dispose } = tinyLearner({
      kind: "classes",
      callbacks: [new Metrics({ accuracy }), board],
    });
    const { trainLoss, testLoss } = await learner.train({ epochs: 2 });
    const [file] = [...Deno.readDirSync(folder)];
    assert(file.name.startsWith("events.out.tfevents."));
    const events = readEvents(await Deno.readFile(`${folder}/${file.name}`));

    assertEquals(events[0].fileVersion, "brain.Event:2");
    assert(Math.abs(events[0].wallTime - Date.now() / 1000) < 60);
    assertEquals(events.map(({ step = 0 }) => step), [0, 0, 1, 2, 2]);
    const values = events.map(({ summary }) => summary?.value ?? []);
    const text = values[1].find(({ tag }) => tag === "notes")!;
    assertEquals(new TextDecoder().decode(text.tensor!.stringVal[0]), "**bold** – ü");
    assertEquals([text.tensor!.dtype, text.metadata!.pluginData.pluginName], [7, "text"]);

    const tags = values[2].map(({ tag }) => tag);
    for (const tag of ["train/loss", "train/accuracy", "validation/loss", "learningRate"]) {
      assert(tags.includes(tag), `${tag} is missing`);
    }
    const scalar = (index: number, name: string) =>
      values[index].find(({ tag }) => tag === name)!.simpleValue!;
    assertAlmostEquals(scalar(3, "train/loss"), trainLoss, 1e-6);
    assertAlmostEquals(scalar(4, "test/loss"), testLoss, 1e-6);

    assertEquals(values[2].some(({ histo }) => histo), false);
    const kernel = values[3].find(({ tag }) => tag === "weights/hidden/kernel")!.histo!;
    assertEquals(kernel.num, 8);
    assertEquals(kernel.bucket.reduce((a, b) => a + b), 8);
    assert(kernel.min < kernel.max);
    dispose();
    await Deno.remove(folder, { recursive: true });
  },
);
