import { checkNumber, checkOptions } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import type { tf } from "../deps/tfjs.ts";
import { refuse } from "../io/checkpoint_file.ts";

/**
 * Options of {@linkcode Vocabulary.from}.
 *
 * @category Text
 */
export interface VocabularyOptions {
  /** Largest number of tokens, padding and unknown included; the rarest are left out. Default: all. */
  readonly maxSize?: number;
  /** Fewest times that a token occurs, an integer >= 1. Default: 1. */
  readonly minCount?: number;
}

/** The key of a vocabulary in the metadata of a model. */
const KEY = "trainchartVocabulary";

/**
 * Numbers of tokens, such as words or characters: 0 is padding, 1 is any unknown token, and frequent
 * tokens have small numbers.
 *
 * As `TextVectorization` of Keras and `Numericalize` of fast.ai.
 *
 * @example
 * ```ts
 * import { Vocabulary, wordTokens } from "@trainchart/trainchart/text";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = Vocabulary.from(["a rose is a rose", "a thorn"].map((text) => wordTokens(text)));
 * assertEquals(vocabulary.tokens, ["", "(unknown)", "a", "rose", "is", "thorn"]);
 * assertEquals([...vocabulary.encode(wordTokens("A red rose"))], [2, 1, 3]);
 * assertEquals(vocabulary.decode([2, 3, 0]), ["a", "rose"]);
 * ```
 *
 * @category Text
 */
export class Vocabulary {
  /** The tokens by number; `""` is padding, `"(unknown)"` stands for all others. */
  readonly tokens: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;

  private constructor(tokens: readonly string[]) {
    this.tokens = ["", "(unknown)", ...tokens];
    this.#numbers = new Map(tokens.map((token, index) => [token, index + 2]));
  }

  /**
   * Counts the tokens of the training part.
   *
   * @param texts The tokens of each text.
   * @param options Which tokens have a number.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is unknown.
   */
  static from(texts: Iterable<Iterable<string>>, options: VocabularyOptions = {}): Vocabulary {
    const action = "build a vocabulary";
    checkOptions(action, options, { maxSize: true, minCount: true });
    const { maxSize = Infinity, minCount = 1 } = options;
    checkNumber(action, "maxSize", maxSize, { min: 2, infinite: true });
    checkNumber(action, "minCount", minCount, { integer: true, min: 1 });
    const counts = new Map<string, number>();
    for (const tokens of texts) {
      for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    counts.delete("");
    return new Vocabulary(
      [...counts].filter(([, count]) => count >= minCount)
        .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
        .slice(0, maxSize - 2).map(([token]) => token),
    );
  }

  /**
   * Restores a vocabulary that was saved as JSON.
   *
   * @param json What {@linkcode Vocabulary.toJSON} returned, from a file of any origin.
   * @throws {StorageError} If it is not a list of different texts.
   */
  static fromJSON(json: unknown): Vocabulary {
    const areDifferent = field.that(
      "must be different texts",
      (tokens) => new Set(tokens as string[]).size === (tokens as string[]).length,
    );
    refuse(field.all(field.list(field.text), areDifferent)(json, "tokens"), "the vocabulary");
    return new Vocabulary(json as string[]);
  }

  /**
   * Returns the vocabulary that a model was saved with; `undefined` if it has none.
   *
   * @throws {StorageError} If the vocabulary in the file is damaged.
   */
  static of(model: tf.LayersModel): Vocabulary | undefined {
    const json = (model.getUserDefinedMetadata?.() as Record<string, unknown> | undefined)?.[KEY];
    return json === undefined ? undefined : Vocabulary.fromJSON(json);
  }

  /** Attaches the vocabulary to a model: `model.save()` and `exportModel()` then save both. */
  attachTo(model: tf.LayersModel): void {
    model.setUserDefinedMetadata({ ...model.getUserDefinedMetadata(), [KEY]: this.toJSON() as [] });
  }

  /** Number of tokens, padding and unknown included: the `inputDim` of an embedding. */
  get size(): number {
    return this.tokens.length;
  }

  /** Returns the number of each token: 1 for an unknown one. */
  encode(tokens: Iterable<string>): Int32Array {
    return Int32Array.from(tokens, (token) => this.#numbers.get(token) ?? 1);
  }

  /** Returns the token of each number, without padding. */
  decode(numbers: Iterable<number>): string[] {
    return Array.from(numbers).filter((number) => number !== 0)
      .map((number) => this.tokens[number] ?? this.tokens[1]);
  }

  /** Returns the tokens, as plain JSON. */
  toJSON(): unknown {
    return this.tokens.slice(2);
  }
}
