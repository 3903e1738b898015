import { describeValue } from "../checks/describe_value.ts";
import { tf } from "../deps/tfjs.ts";
import { outputMark } from "./output_mark.ts";

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
