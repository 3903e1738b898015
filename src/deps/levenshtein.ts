/**
 * Edit distance, for suggestions in error messages.
 *
 * @module
 */
import * as levenshtein from "npm:fastest-levenshtein@1.0.16";

/** How many letters must be inserted, deleted or changed to turn one word into another. */
export const distance: (a: string, b: string) => number = levenshtein.distance;

/** The entry of `words` that is spelt most like `word`. */
export const closest: (word: string, words: readonly string[]) => string = levenshtein.closest;
