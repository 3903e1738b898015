import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import { writeTensor } from "../tensors/tensor_memory.ts";

/**
 * Options of {@linkcode padTokens}.
 *
 * @category Text
 */
export interface PadOptions {
  /** Largest length; the rest of a longer text is cut off. An integer >= 1. Default: no limit. */
  readonly maxLength?: number;
  /**
   * Lengths are rounded up to a multiple of this, so that there are few shapes. An integer >= 1.
   * Default: 1.
   */
  readonly multipleOf?: number;
}

/**
 * Pads texts of a batch to the length of the longest, by 0 at the end.
 *
 * As `pad_sequences` of Keras and `pad_input` of fast.ai.
 *
 * @param texts The numbers of the tokens of each text.
 * @param options Lengths.
 * @returns `tokens: [texts, length] int32`, and `mask: [texts, length] float32`, 1 where there is a
 *   token; both are the caller's.
 * @throws {RangeError} If a number is out of range.
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { padTokens } from "@trainchart/trainchart/text";
 * import { assertEquals } from "@std/assert";
 *
 * const { tokens, mask } = padTokens([[5, 6, 7], [8]]);
 * assertEquals(tokens.arraySync(), [[5, 6, 7], [8, 0, 0]]);
 * assertEquals(mask.arraySync(), [[1, 1, 1], [1, 0, 0]]);
 * tf.dispose([tokens, mask]);
 * ```
 *
 * @category Text
 */
export function padTokens(
  texts: readonly ArrayLike<number>[],
  options: PadOptions = {},
): { tokens: tf.Tensor2D; mask: tf.Tensor2D } {
  checkOptions("pad texts", options, { maxLength: true, multipleOf: true });
  const { maxLength = Infinity, multipleOf = 1 } = options;
  checkNumber("pad texts", "maxLength", maxLength, { min: 1, infinite: true });
  checkNumber("pad texts", "multipleOf", multipleOf, { integer: true, min: 1 });
  const lengths = texts.map(({ length }) => Math.min(length, maxLength));
  const longest = Math.max(1, ...lengths);
  const length = Math.ceil(longest / multipleOf) * multipleOf;
  const shape = [texts.length, length];
  const fill = (dtype: "int32" | "float32", value: (row: number, at: number) => number) =>
    writeTensor(shape, dtype, (elements) => {
      elements.fill(0);
      lengths.forEach((count, row) => {
        for (let at = 0; at < count; at++) elements[row * length + at] = value(row, at);
      });
    }) as tf.Tensor2D;
  return { tokens: fill("int32", (row, at) => texts[row][at]), mask: fill("float32", () => 1) };
}
