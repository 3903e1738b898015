const SEGMENTERS = new Map<string, Intl.Segmenter>();

/**
 * Cuts a text into words and numbers, in lower case, by the rules of Unicode for a language. Blanks
 * and punctuation are left out.
 *
 * @param text The text.
 * @param locale Language of the text, as a BCP 47 tag. Default: `"en"`.
 * @returns The words, in order.
 *
 * @example
 * ```ts
 * import { wordTokens } from "@trainchart/trainchart/text";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(wordTokens("It's 3 o'clock!"), ["it's", "3", "o'clock"]);
 * ```
 *
 * @category Text
 */
export function wordTokens(text: string, locale: string = "en"): string[] {
  let segmenter = SEGMENTERS.get(locale);
  if (!segmenter) {
    SEGMENTERS.set(locale, segmenter = new Intl.Segmenter(locale, { granularity: "word" }));
  }
  const words: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text.toLowerCase())) {
    if (isWordLike) words.push(segment);
  }
  return words;
}
