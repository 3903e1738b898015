import type { tf } from "../deps/tfjs.ts";
import type { ArrayColumn } from "./array_column.ts";

/**
 * The tensors of a batch, nested like the {@linkcode Columns} that they are gathered from.
 *
 * @template C The columns.
 */
export type Gathered<C> = C extends tf.Tensor | ArrayColumn ? tf.Tensor
  : { readonly [Key in keyof C]: Gathered<C[Key]> };
