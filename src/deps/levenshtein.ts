/**
 * Edit distance, for suggestions in error messages.
 *
 * @module
 */
import levenshtein from "npm:fastest-levenshtein@1.0.16";

/** The entry of `words` that is spelt most like `word`. */
export const closest: (word: string, words: readonly string[]) => string = levenshtein.closest;
