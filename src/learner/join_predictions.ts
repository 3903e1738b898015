import { tf } from "../deps/tfjs.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";

/** Joins the predictions of all batches along the first axis, and disposes them. */
export function joinPredictions<Predictions>(outputs: unknown[]): Predictions {
  if (outputs.length === 0) {
    throw new RangeError(
      "Cannot predict: every batch was cancelled, so that no prediction is left.",
    );
  }
  if (outputs.length === 1) return outputs[0] as Predictions;
  try {
    return tf.tidy(() => join(outputs) as tf.TensorContainer) as Predictions;
  } finally {
    disposeTensors(outputs);
  }
}

function join(parts: unknown[]): unknown {
  const [first] = parts;
  if (first instanceof tf.Tensor) return tf.concat(parts as tf.Tensor[], 0);
  if (Array.isArray(first)) {
    return first.map((_, index) => join(parts.map((part) => (part as unknown[])[index])));
  }
  return Object.fromEntries(
    Object.keys(first as object).map((name) => [
      name,
      join(parts.map((part) => (part as Record<string, unknown>)[name])),
    ]),
  );
}
