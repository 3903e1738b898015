import type { tf } from "../deps/tfjs.ts";
import type { ArrayColumn } from "./array_column.ts";

/**
 * What a {@linkcode TensorDataset} is made of: tensors or plain numbers with the examples along
 * the first axis, or arrays and records of them.
 *
 * @example
 * ```ts
 * import type { Columns } from "@trainchart/trainchart";
 *
 * const columns: Columns = {
 *   image: { values: new Uint8Array(10 * 784), shape: [10, 784], scale: 1 / 255 },
 *   age: { values: new Float32Array(10), shape: [10] },
 * };
 * ```
 */
export type Columns =
  | tf.Tensor
  | ArrayColumn
  | readonly Columns[]
  | { readonly [name: string]: Columns };
