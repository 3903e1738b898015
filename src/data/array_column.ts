import type { NdArray } from "./nd_array.ts";

/**
 * One column of a {@linkcode TensorDataset}, kept as plain numbers: `[examples, ...]`.
 *
 * The rows of a batch are gathered and converted when the batch is built; until then bytes stay
 * bytes, a quarter of what the same numbers take as `float32`.
 *
 * @example Pixels from bytes 0 to 255 to numbers 0 to 1
 * ```ts
 * import type { ArrayColumn } from "@trainchart/trainchart";
 *
 * const images: ArrayColumn = {
 *   values: new Uint8Array(10 * 28 * 28),
 *   shape: [10, 28, 28],
 *   scale: 1 / 255,
 * };
 * ```
 */
export interface ArrayColumn extends NdArray {
  /**
   * The type of the tensors. By default `float32` if the numbers are floating-point, scaled or
   * shifted, else `int32`.
   */
  readonly dtype?: "float32" | "int32" | "bool";
  /** What each number is multiplied with. Default 1. */
  readonly scale?: number;
  /** What is added to each number after that. Default 0. */
  readonly offset?: number;
}
