import type { tf } from "../deps/tfjs.ts";

/** A tensor, or arrays and records of tensors. */
export type Tensors = tf.Tensor | readonly Tensors[] | { readonly [name: string]: Tensors };
