/**
 * A tokenizer with a vocabulary of its own.
 *
 * @category Text
 */
export interface Tokenizer {
  /** Number of tokens. */
  readonly size: number;
  /** Returns the numbers of the tokens of a text. */
  encode(text: string): number[];
  /** Returns the text of tokens. */
  decode(numbers: Iterable<number>): string;
}

/**
 * Loads the byte pair encoding of GPT-2, for any text in any language: frequent words are one token,
 * rare ones several. Its table of a megabyte is loaded by this call.
 *
 * Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", 2016,
 * https://arxiv.org/abs/1508.07909; Radford et al., "Language models are unsupervised multitask
 * learners", 2019.
 *
 * @returns The tokenizer.
 *
 * @example
 * ```ts
 * import { bytePairs } from "@trainchart/trainchart/text";
 * import { assertEquals } from "@std/assert";
 *
 * const tokenizer = await bytePairs();
 * const numbers = tokenizer.encode("Call me Ishmael.");
 * assertEquals(tokenizer.decode(numbers), "Call me Ishmael.");
 * assertEquals(tokenizer.size, 50_257);
 * ```
 *
 * @category Text
 */
export async function bytePairs(): Promise<Tokenizer> {
  const { encode, decode, vocabularySize } = await import("../deps/gpt_tokenizer.ts");
  return { size: vocabularySize, encode: (text) => encode(text), decode };
}
