/**
 * Texts as numbers: tokens, vocabularies, and batches of texts of different length.
 *
 * @example From texts to batches of similar length
 * ```ts
 * import { DataLoader, tf } from "@trainchart/trainchart";
 * import { padTokens, Vocabulary, wordTokens } from "@trainchart/trainchart/text";
 * import { assertEquals } from "@std/assert";
 *
 * const texts = ["a rose is a rose", "a thorn", "is it?", "a rose"].map((text) => wordTokens(text));
 * const vocabulary = Vocabulary.from(texts, { maxSize: 5000 });
 * const examples = texts.map((tokens, index) => ({ tokens: vocabulary.encode(tokens), label: index % 2 }));
 * const loader = new DataLoader({
 *   dataset: examples,
 *   collate: (examples) => ({
 *     data: padTokens(examples.map(({ tokens }) => tokens), { maxLength: 200 }).tokens,
 *     labels: tf.tensor1d(examples.map(({ label }) => label), "int32"),
 *   }),
 *   lengths: texts.map(({ length }) => length), // batches of similar length
 *   batchSize: 2,
 *   shuffle: true,
 *   seed: 1,
 * });
 * for await (const { data, labels } of loader) {
 *   assertEquals(data.shape[0], 2);
 *   tf.dispose([data, labels]);
 * }
 * ```
 *
 * @module
 */
export { bytePairs, type Tokenizer } from "./src/language/byte_pairs.ts";
export { type PadOptions, padTokens } from "./src/language/pad_tokens.ts";
export { Vocabulary, type VocabularyOptions } from "./src/language/vocabulary.ts";
export { wordTokens } from "./src/language/word_tokens.ts";
