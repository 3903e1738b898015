import { tf } from "../deps/tfjs.ts";
import type { CsvTable } from "../data/plain_data.ts";
import type { TableRow } from "../tables/table_encoder.ts";
import { tensorsIn } from "../tensors/nested_tensors.ts";

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
