/**
 * The inputs and the outputs of `learner.predict()`: rows of a table and tensors, and the predictions
 * of batches in the form that is asked for.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/check_options.ts";
import { isLoader, type Loader } from "../data/loader.ts";
import type { CsvTable } from "../data/dataset.ts";
import { binaryCrossEntropy } from "../losses/elementwise_losses.ts";
import { areProbabilities, predictedClasses } from "../metrics/classes.ts";
import { disposeTensors, mapTensors, outputMark, tensorsIn } from "../tensors/nested_tensors.ts";
import { cloneTensor, isWritable, memoryOf, writeTensor } from "../tensors/tensor_memory.ts";
import type { TableRow } from "../tables/columns.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { RunOptions } from "./run_interface.ts";

/**
 * Options of `learner.predict()`.
 *
 * @category Learner
 */
export interface PredictOptions extends RunOptions {
  /**
   * The form of the predictions, of each output of the model. Default: `"outputs"`.
   *
   * - `"outputs"`: as the model returns them.
   * - `"probabilities"`: logits go through a sigmoid where there is one for each example, or where the
   *   loss is `binaryCrossEntropy`, and through a softmax elsewhere. The outputs of a last layer with a
   *   softmax or a sigmoid are probabilities.
   * - `"classes"`: class numbers, int32, without the last axis; after a sigmoid, 0 or 1 for each
   *   output. Predictions that are NaN are of class -1.
   */
  as?: "outputs" | "probabilities" | "classes";
}

const FORMS: readonly unknown[] = ["outputs", "probabilities", "classes"];

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

/**
 * Returns the input of `predict()` as a loader.
 *
 * @throws {TypeError} If nothing can be predicted for it.
 */
export function inputLoader({ model }: AnyFields, input: unknown): Loader {
  if (input instanceof tf.Tensor) return [input] as never;
  const { inputNames = [] }: { inputNames?: string[] } = model instanceof tf.LayersModel
    ? model
    : {};
  if (Array.isArray(input)) {
    const areInputs = input.length === inputNames.length && input.length > 1 &&
      input.every((value) => value instanceof tf.Tensor);
    if (areInputs) return [{ data: input }] as never;
  }
  if (isLoader(input)) return input;
  if (tensorsIn(input).length > 0) {
    const record = input as Record<string, unknown>;
    const isBatch = ["data", "x", "xs"].some((name) =>
      Object.hasOwn(record, name) && !inputNames.includes(name)
    );
    return [isBatch ? record : { data: record }] as never;
  }
  throw new TypeError(
    "Cannot predict as input must be a tensor or a loader, tensors for each input of the model, or " +
      `rows of a table: current value is ${describeValue(input)}`,
  );
}

/**
 * Copies the predictions of a batch in the form that is asked for.
 *
 * @param predictions The outputs of the model, which stay the batch's.
 * @param learner The Learner, for its loss.
 * @param form The form.
 * @returns Tensors of their own, also where the model returns its very input.
 */
export function copyPredictions(
  predictions: unknown,
  { lossFunction }: AnyFields,
  form: PredictOptions["as"] = "outputs",
): unknown {
  const made: tf.Tensor[] = [];
  const isSigmoid = lossFunction === binaryCrossEntropy;
  try {
    return mapTensors(predictions, (tensor) => {
      made.push(
        form === "outputs" ? cloneTensor(tensor) : tf.tidy(() => inForm(tensor, form, isSigmoid)),
      );
      return made.at(-1)!;
    });
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}

function inForm(
  output: tf.Tensor,
  form: "probabilities" | "classes",
  isSigmoid: boolean,
): tf.Tensor {
  const { shape } = output;
  const single = output.rank < 2 || shape.at(-1) === 1;
  const probabilities = areProbabilities(output, {});
  const activation = probabilities ? outputMark(output)?.activation : undefined;
  const each = activation === "sigmoid" || (activation === undefined && (single || isSigmoid));
  if (form === "probabilities") {
    if (probabilities) return output.clone();
    return each ? output.sigmoid() : output.softmax();
  }
  const classes = predictedClasses(each ? output.reshape([-1, 1]) : output, -1, { probabilities });
  const isLastAxisOne = output.rank > 1 && single;
  return classes.reshape(each && !isLastAxisOne ? shape : shape.slice(0, -1));
}

/** Checks the form of predictions. */
export function checkForm(form: unknown = "outputs"): void {
  if (FORMS.includes(form)) return;
  throw new TypeError(
    `Cannot predict as the option as must be one of ${FORMS.join(", ")}: current value is ${
      describeValue(form)
    }`,
  );
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

/** Joins tensors along the first axis. Where memory can be read at once, each is one copy, and no operation. */
function joinRows(parts: tf.Tensor[]): tf.Tensor {
  const [{ shape: [, ...shape], dtype, rank }] = parts;
  const isSame = parts.every((part) =>
    part.dtype === dtype && part.rank === rank &&
    tf.util.arraysEqual(part.shape.slice(1), shape)
  );
  if (rank === 0 || !isSame || tf.getBackend() !== "wasm" || !isWritable(dtype)) {
    return tf.concat(parts, 0);
  }
  const rows = parts.reduce((sum, part) => sum + part.shape[0], 0);
  return writeTensor([rows, ...shape], dtype, (elements) => {
    let at = 0;
    for (const part of parts) {
      elements.set(memoryOf(part)!, at);
      at += part.size;
    }
  });
}

function join(parts: unknown[]): unknown {
  const [first] = parts;
  if (first instanceof tf.Tensor) return joinRows(parts as tf.Tensor[]);
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
