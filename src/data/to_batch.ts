import { tf } from "../deps/tfjs.ts";
import type { Batch } from "./dataset.ts";
import { describeValue } from "../checks/describe_value.ts";
import { mapTensors, tensorsIn } from "../tensors/nested_tensors.ts";

/** A batch in any of the shapes that a loader may yield. */
export type BatchLike<Data, Labels> =
  | readonly [data: Data, labels: Labels]
  | { readonly data: Data; readonly labels: Labels }
  | { readonly xs: Data; readonly ys: Labels };

/** What can be predicted: data with labels that are not looked at, or without; or a tensor alone. */
export type Unlabelled<Data> =
  | tf.Tensor
  | readonly [data: Data, labels: unknown]
  | { readonly data: Data }
  | { readonly xs: Data };

/** A batch as the Learner sees it. */
export interface SizedBatch extends Batch<unknown, unknown> {
  /** The number of examples. */
  readonly size: number;
}

/** Where a batch comes from, for messages. */
export interface BatchOrigin {
  /** The key of the loader in `dataloaders`. */
  loader: string;
  /** 0-based. */
  index: number;
}

/**
 * Brings what a loader yielded into one shape.
 *
 * @throws {TypeError} if it is not a batch, or if data and labels differ in length.
 */
export function toBatch(value: unknown, origin: BatchOrigin): SizedBatch {
  const parts = split(value, origin);
  if (!parts) {
    throw new TypeError(
      `Cannot use batch ${origin.index} of the ${origin.loader} loader as it must be ` +
        `${origin.loader === "predict" ? "a tensor, " : ""}[data, labels], { data, labels } or ` +
        `{ xs, ys }: current value is ${describeValue(value)}`,
    );
  }
  for (const tensor of tensorsIn(parts)) {
    if (!tensor.isDisposed) continue;
    throw new TypeError(
      `Cannot use batch ${origin.index} of the ${origin.loader} loader as its tensors must be ` +
        "alive: one is disposed. The Learner disposes each batch after use, unless it is in an " +
        "array: yield new tensors or clones",
    );
  }
  const [data, labels] = parts;
  const size = lengthOf(data);
  const labelled = lengthOf(labels);
  if (size === undefined) {
    throw new TypeError(
      `Cannot use batch ${origin.index} of the ${origin.loader} loader as its data must be ` +
        `tensors whose first axis counts examples: current value is ${describeValue(data)}`,
    );
  }
  if (labelled !== undefined && labelled !== size) {
    throw new TypeError(
      `Cannot use batch ${origin.index} of the ${origin.loader} loader as data and labels must ` +
        `have the same length: current lengths are ${size} and ${labelled}`,
    );
  }
  return { data, labels, size };
}

/**
 * A batch of the same tensors that may be disposed without disposing the original. Those that are
 * disposed already are left to {@linkcode toBatch}, which says where they come from.
 */
export function cloneBatch(value: unknown): unknown {
  return mapTensors(value, (tensor) => tensor.isDisposed ? tensor : tensor.clone());
}

function split(value: unknown, { loader }: BatchOrigin): [unknown, unknown] | undefined {
  if (loader === "predict" && value instanceof tf.Tensor) return [value, undefined];
  if (typeof value !== "object" || value === null || value instanceof tf.Tensor) return;
  if (Array.isArray(value)) return value.length === 2 ? [value[0], value[1]] : undefined;
  const batch = value as Record<string, unknown>;
  const unlabelled = loader === "predict";
  if ("data" in batch && (unlabelled || "labels" in batch)) return [batch.data, batch.labels];
  if ("xs" in batch && (unlabelled || "ys" in batch)) return [batch.xs, batch.ys];
}

/** The length of the first axis of the first tensor. */
function lengthOf(nested: unknown): number | undefined {
  if (nested instanceof tf.Tensor) return nested.shape[0];
  return tensorsIn(nested)[0]?.shape[0];
}
