/**
 * The outputs of a model with several: the name and the activation of each, and the choice of one.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/describe_value.ts";

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

/** The outputs of a model, and what belongs to them, in the same order or by the same names. */
export interface Outputs {
  readonly predictions: unknown;
  readonly labels: unknown;
  /** Weights of the examples: the same for all outputs, or one for each. */
  readonly weights?: unknown;
}

/**
 * One output of several.
 *
 * @param action Completes "Cannot …".
 * @param outputs Arrays or records of tensors.
 * @param output The name of an output, or its index in an array.
 * @param position The index in an array in which no name is known. Default: none.
 * @returns The predictions, labels and weights of the output.
 * @throws {TypeError} If there is no such output.
 */
export function pickOutput(
  action: string,
  { predictions, labels, weights }: Outputs,
  output: string | number,
  position?: number,
): Outputs {
  const key = keyOf(predictions, output) ?? position ?? output;
  const shared = weights === undefined || weights instanceof tf.Tensor;
  return {
    predictions: pick(action, "predictions", predictions, key, output),
    labels: pick(action, "labels", labels, key, output),
    weights: shared ? weights : pick(action, "weights", weights, key, output),
  };
}

/** The index of a named output in an array of a model's outputs. */
function keyOf(predictions: unknown, output: string | number): number | undefined {
  if (!Array.isArray(predictions) || typeof output === "number") return;
  const index = predictions.findIndex((tensor) => outputMark(tensor)?.name === output);
  return index < 0 ? undefined : index;
}

function pick(
  action: string,
  what: string,
  nested: unknown,
  key: string | number,
  output: string | number,
): unknown {
  const plain = typeof nested === "object" && nested !== null && !(nested instanceof tf.Tensor);
  const at = Array.isArray(nested) ? key : output;
  if (plain && Object.hasOwn(nested, at)) return (nested as Record<string | number, unknown>)[at];
  const known = plain ? Object.keys(nested).join(", ") : describeValue(nested);
  throw new TypeError(
    `Cannot ${action} as ${what} must have an output ${JSON.stringify(output)}: there is ${known}`,
  );
}
