/** The arrays of numbers that a dataset can hold and a file can contain. */
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
 * Numbers with a shape, outside of TensorFlow.js.
 *
 * @example
 * ```ts
 * import type { NdArray } from "@trainchart/trainchart";
 *
 * const images: NdArray = { values: new Uint8Array(10 * 28 * 28), shape: [10, 28, 28] };
 * ```
 */
export interface NdArray {
  /** The numbers, the last axis varying fastest. */
  readonly values: TypedArray;
  /** The number of elements along each axis; `[]` is one number. */
  readonly shape: readonly number[];
}
