import { tf } from "../deps/tfjs.ts";
import type { Batch } from "./dataset.ts";
import { describeValue } from "../checks/check_options.ts";
import { mapTensors, type Tensors, tensorsIn } from "../tensors/nested_tensors.ts";

/**
 * A batch in any of the forms that a loader may yield. Weights of the examples, `[batch]`, are passed
 * on to the loss and the metrics.
 *
 * @category Data
 */
export type BatchLike<Data, Labels> =
  | readonly [data: Data, labels: Labels]
  | readonly [data: Data, labels: Labels, weights: Tensors]
  | { readonly data: Data; readonly labels: Labels; readonly weights?: Tensors }
  | { readonly x: Data; readonly y: Labels; readonly w?: Tensors }
  | { readonly xs: Data; readonly ys: Labels; readonly ws?: Tensors };

/**
 * A batch to predict: its labels are ignored, and may be missing. A tensor alone is data.
 *
 * @category Data
 */
export type Unlabelled<Data> =
  | tf.Tensor
  | readonly [data: Data, labels: unknown]
  | readonly [data: Data, labels: unknown, weights: unknown]
  | { readonly data: Data }
  | { readonly x: Data }
  | { readonly xs: Data };

/** A batch in the form that the Learner uses. */
export interface SizedBatch extends Batch<unknown, unknown> {
  /** Weights of the examples, if there are any. */
  readonly weights?: unknown;
  /** Number of examples. */
  readonly size: number;
}

/** Origin of a batch, for error messages. */
export interface BatchOrigin {
  /** Key of the loader in `dataloaders`. */
  loader: string;
  /** Index of the batch, 0-based. */
  index: number;
}

/** The names of data, labels and weights in the records that a loader may yield. */
const NAMES = [["data", "labels", "weights"], ["x", "y", "w"], ["xs", "ys", "ws"]] as const;

/**
 * Converts a batch as a loader yields it to the form that the Learner uses.
 *
 * @param value The batch.
 * @param origin Its origin, for errors.
 * @returns The same tensors.
 * @throws {TypeError} If the value is not a batch, or data and labels differ in length.
 */
export function toBatch(value: unknown, origin: BatchOrigin): SizedBatch {
  const action = `Cannot use batch ${origin.index} of the ${origin.loader} loader`;
  const parts = split(value, origin);
  if (!parts) {
    throw new TypeError(
      `${action} as it must be ${origin.loader === "predict" ? "a tensor, " : ""}[data, labels], ` +
        "[data, labels, weights], { data, labels }, { x, y } or { xs, ys }: current value is " +
        describeValue(value),
    );
  }
  if (tensorsIn(parts).some(({ isDisposed }) => isDisposed)) {
    throw new TypeError(
      `${action} as its tensors must be alive: one is disposed. The Learner disposes each batch ` +
        "after use, except batches in an array: yield new tensors or clones",
    );
  }
  const [data, labels, weights] = parts;
  const size = lengthOf(data);
  const labelled = lengthOf(labels);
  if (size === undefined) {
    throw new TypeError(
      `${action} as its data must be tensors whose first axis counts examples: ` +
        `current value is ${describeValue(data)}`,
    );
  }
  if (labelled !== undefined && labelled !== size) {
    throw new TypeError(
      `${action} as data and labels must have the same length: ` +
        `current lengths are ${size} and ${labelled}`,
    );
  }
  const weighted = lengthOf(weights);
  if (weights !== undefined && weights !== null && weighted !== size) {
    throw new TypeError(
      `${action} as its weights must be tensors with one number for each of ${size} examples: ` +
        `current value is ${describeValue(weights)}`,
    );
  }
  return { data, labels, size, ...weighted !== undefined && { weights } };
}

/**
 * Clones the tensors of a batch, so that the clones can be disposed without the originals. Disposed
 * tensors stay as they are: {@linkcode toBatch} reports their origin.
 */
export function cloneBatch(value: unknown): unknown {
  return mapTensors(value, (tensor) => tensor.isDisposed ? tensor : tensor.clone());
}

function split(
  value: unknown,
  { loader }: BatchOrigin,
): [data: unknown, labels: unknown, weights?: unknown] | undefined {
  const unlabelled = loader === "predict";
  if (unlabelled && value instanceof tf.Tensor) return [value, undefined];
  if (typeof value !== "object" || value === null || value instanceof tf.Tensor) return;
  if (Array.isArray(value)) {
    return value.length === 2 || value.length === 3 ? [value[0], value[1], value[2]] : undefined;
  }
  const batch = value as Record<string, unknown>;
  for (const [data, labels, weights] of NAMES) {
    if (data in batch && (unlabelled || labels in batch)) {
      return [batch[data], batch[labels], batch[weights]];
    }
  }
}

/** Returns the length of the first axis of the first tensor. */
function lengthOf(nested: unknown): number | undefined {
  if (nested instanceof tf.Tensor) return nested.shape[0];
  return tensorsIn(nested)[0]?.shape[0];
}
