import type { tf } from "../deps/tfjs.ts";

/** The output of a model that a tensor of predictions is. */
export interface OutputMark {
  /** The name of the output. */
  readonly name: string;
  /** The last activation before it; `undefined` if it is not known. */
  readonly activation?: "softmax" | "sigmoid" | "linear";
}

const MARKS = new WeakMap<tf.Tensor, OutputMark>();

/** Remembers the output that a tensor is, for the losses and metrics that are given it. */
export function markOutput(tensor: tf.Tensor, mark: OutputMark): void {
  MARKS.set(tensor, mark);
}

/** The output that a tensor is; `undefined` if it was computed in another way. */
export function outputMark(tensor: tf.Tensor): OutputMark | undefined {
  return MARKS.get(tensor);
}
