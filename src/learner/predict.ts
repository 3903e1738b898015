/**
 * The inputs and the outputs of `learner.predict()`: rows of a table, and the predictions of batches.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { CsvTable } from "../data/plain_data.ts";
import type { TableRow } from "../tables/table_encoder.ts";
import { disposeTensors, tensorsIn } from "../tensors/nested_tensors.ts";

/** Returns whether an input is rows of a table: records without tensors, or a table of a CSV file. */
export function isRows(input: unknown): input is CsvTable | readonly TableRow[] {
  if (!Array.isArray(input)) {
    const { columns, rows } = Object(input);
    return Array.isArray(columns) && Array.isArray(rows);
  }
  const [first] = input;
  const isRecord = typeof first === "object" && first !== null && !Array.isArray(first);
  return isRecord && tensorsIn(first).length === 0;
}

/**
 * Encodes rows of a table by the encoder that was saved with a model.
 *
 * @param model The model.
 * @param rows The rows.
 * @returns `[rows, features] float32`, which the caller owns.
 * @throws {TypeError} If the model has no encoder.
 */
export async function encodeRows(
  model: unknown,
  rows: CsvTable | readonly TableRow[],
): Promise<tf.Tensor> {
  const { TableEncoder } = await import("../tables/table_encoder.ts");
  const encoder = model instanceof tf.LayersModel ? TableEncoder.of(model) : undefined;
  if (!encoder) {
    throw new TypeError(
      "Cannot predict rows of a table as the model must have a TableEncoder: it has none " +
        "(encoder.attachTo(model) attaches one)",
    );
  }
  const { values, shape } = encoder.encode(rows);
  return tf.tensor(values, [...shape], "float32");
}

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
