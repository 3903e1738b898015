import { assert, assertEquals, assertThrows } from "@std/assert";
import { DataLoader, StorageError, tf } from "../../mod.ts";
import { bytePairs, padTokens, Vocabulary, wordTokens } from "../../text.ts";
import { exportModel } from "../../io.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

Deno.test("wordTokens() cuts texts of any script into words, in lower case", () => {
  assertEquals(wordTokens("Hello, WORLD! It's 3.5 o'clock."), [
    "hello",
    "world",
    "it's",
    "3.5",
    "o'clock",
  ]);
  assertEquals(wordTokens("Äpfel und Öl", "de"), ["äpfel", "und", "öl"]);
  assert(wordTokens("吾輩は猫である", "ja").length > 2);
  assertEquals(wordTokens(" \n"), []);
});

Deno.test("Vocabulary numbers frequent tokens first, and leaves out rare ones", () => {
  const texts = ["b a a", "a c b", "d"].map((text) => text.split(" "));
  const all = Vocabulary.from(texts);
  assertEquals(all.tokens, ["", "(unknown)", "a", "b", "c", "d"]);
  assertEquals([...all.encode(["d", "z", "a"])], [5, 1, 2]);
  assertEquals(all.decode([2, 0, 1, 99]), ["a", "(unknown)", "(unknown)"]);
  assertEquals(Vocabulary.from(texts, { minCount: 2 }).size, 4);
  assertEquals(Vocabulary.from(texts, { maxSize: 3 }).tokens.slice(2), ["a"]);
  assertEquals([...Vocabulary.from(["abba"]).encode("ab")], [2, 3], "characters of a text");
  assertEquals(Vocabulary.fromJSON(JSON.parse(JSON.stringify(all))).tokens, all.tokens);
  for (const json of [null, {}, ["a", 1], ["a", "a"]]) {
    assertThrows(() => Vocabulary.fromJSON(json), StorageError, "the vocabulary");
  }
  assertThrows(() => Vocabulary.from(texts, { maxSize: 1 }), RangeError, "maxSize must be");
  assertThrows(() => Vocabulary.from(texts, { size: 1 } as never), TypeError, 'there is no "size"');
});

testTensors("padTokens() pads to the longest text, and masks", () => {
  const read = (...given: Parameters<typeof padTokens>) => {
    const { tokens, mask } = padTokens(...given);
    const result = [tokens.arraySync(), mask.arraySync()];
    assertEquals([tokens.dtype, mask.dtype], ["int32", "float32"]);
    tf.dispose([tokens, mask]);
    return result;
  };
  const texts = [Int32Array.of(3, 4, 5), [6], []];
  assertEquals(read(texts), [[[3, 4, 5], [6, 0, 0], [0, 0, 0]], [[1, 1, 1], [1, 0, 0], [0, 0, 0]]]);
  assertEquals(read(texts, { maxLength: 2 })[0], [[3, 4], [6, 0], [0, 0]]);
  assertEquals(read([[1], [2]], { multipleOf: 4 })[0], [[1, 0, 0, 0], [2, 0, 0, 0]]);
  assertThrows(() => padTokens([], { maxLength: 0 }), RangeError, "maxLength must be");
  assertThrows(() => padTokens([], { length: 3 } as never), TypeError, 'there is no "length"');
});

testTensors("a DataLoader with lengths pads batches of texts little", () => {
  const texts = Array.from({ length: 64 }, (_, index) => Array<number>(1 + index * 7 % 32).fill(2));
  const loader = new DataLoader({
    dataset: texts,
    collate: (texts) => padTokens(texts),
    lengths: texts.map(({ length }) => length),
    batchSize: 8,
    shuffle: true,
    seed: 1,
  });
  let padding = 0;
  for (const { tokens, mask } of loader) {
    padding += tokens.size - mask.dataSync<"float32">().reduce((a, b) => a + b);
    tf.dispose([tokens, mask]);
  }
  assert(padding < 150, `${padding}`);
});

testInFolder("Vocabulary is saved with a model", async (folder) => {
  const model = tf.sequential({
    layers: [tf.layers.embedding({ inputDim: 4, outputDim: 2, inputLength: 3 })],
  });
  const vocabulary = Vocabulary.from([["x", "y"]]);
  assertEquals(Vocabulary.of(model), undefined);
  vocabulary.attachTo(model);
  await exportModel(model, folder);
  const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
  assertEquals(Vocabulary.of(loaded)?.tokens, vocabulary.tokens);
  model.dispose();
  loaded.dispose();
});

Deno.test("bytePairs() encodes any text, and decodes it again", async () => {
  const { encode, decode, size } = await bytePairs();
  assertEquals(size, 50257);
  assertEquals(encode("hello world"), [31373, 995]); // as GPT-2's own encoder
  for (const text of ["Grüße, 世界! 🎉", "", "  two  blanks\n"]) {
    assertEquals(decode(encode(text)), text);
  }
});
