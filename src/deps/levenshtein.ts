/**
 * Edit distance, for suggestions in error messages.
 *
 * @module
 */
import * as levenshtein from "npm:fastest-levenshtein@1.0.16";

/** Number of letters to insert, delete or change to turn one word into another. */
export const distance: (a: string, b: string) => number = levenshtein.distance;

/** The entry of `words` that is spelt most like `word`. */
export const closest: (word: string, words: readonly string[]) => string = levenshtein.closest;
