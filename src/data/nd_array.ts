/**
 * Typed arrays that a dataset can hold and a data file can contain.
 *
 * @category Data
 */
export type TypedArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

/**
 * Numbers with a shape, in plain memory instead of a tensor.
 *
 * @example
 * ```ts
 * import type { NdArray } from "@trainchart/trainchart";
 *
 * const images: NdArray = { values: new Uint8Array(10 * 28 * 28), shape: [10, 28, 28] };
 * ```
 *
 * @category Data
 */
export interface NdArray {
  /** Elements in row-major order: the last axis varies fastest. */
  readonly values: TypedArray;
  /** Number of elements along each axis; `[]` is a single number. */
  readonly shape: readonly number[];
}
