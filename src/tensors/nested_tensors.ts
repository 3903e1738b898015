/**
 * Tensors in nested arrays and records, such as the outputs of a model with several: the name and the
 * activation of each, and the choice of one.
 *
 * @module
 */
import { describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";

/**
 * A tensor, or nested arrays and records of tensors.
 *
 * @category Data
 */
export type Tensors = tf.Tensor | readonly Tensors[] | { readonly [name: string]: Tensors };

/** Returns all tensors in nested arrays, records, maps and sets, and ignores everything else. */
export function tensorsIn(nested: unknown): tf.Tensor[] {
  const tensors: tf.Tensor[] = [];
  collect(nested, tensors);
  return tensors;
}

/** Uses no generator, which would cost more than all the rest: this runs several times a batch. */
function collect(nested: unknown, into: tf.Tensor[]): void {
  if (nested instanceof tf.Tensor) into.push(nested);
  else if (typeof nested === "object" && nested !== null && !ArrayBuffer.isView(nested)) {
    const isCollection = nested instanceof Map || nested instanceof Set;
    for (const inner of isCollection ? nested.values() : Object.values(nested)) {
      collect(inner, into);
    }
  }
}

/** Copies a nested structure with every tensor replaced. */
export function mapTensors<T>(nested: T, replace: (tensor: tf.Tensor) => tf.Tensor): T {
  if (nested instanceof tf.Tensor) return replace(nested) as T;
  if (Array.isArray(nested)) return nested.map((inner) => mapTensors(inner, replace)) as T;
  if (typeof nested !== "object" || nested === null || ArrayBuffer.isView(nested)) return nested;
  if (nested instanceof Map) {
    return new Map([...nested].map(([key, inner]) => [key, mapTensors(inner, replace)])) as T;
  }
  if (nested instanceof Set) {
    return new Set([...nested].map((inner) => mapTensors(inner, replace))) as T;
  }
  return Object.fromEntries(
    Object.entries(nested).map(([name, inner]) => [name, mapTensors(inner, replace)]),
  ) as T;
}

/** Disposes every tensor in a nested structure except variables, which belong to models. */
export function disposeTensors(nested: unknown): void {
  if (nested instanceof tf.Tensor) disposeTensor(nested);
  else for (const tensor of tensorsIn(nested)) disposeTensor(tensor);
}

function disposeTensor(tensor: tf.Tensor): void {
  if (!tensor.isDisposed && !(tensor instanceof tf.Variable)) tensor.dispose();
}

/** A scalar for each tensor: 0 if all of its numbers are finite, NaN otherwise. */
export function finiteProbes(tensors: readonly tf.Tensor[]): tf.Tensor[] {
  // A number that is not finite is NaN when multiplied by 0.
  return tensors.map((tensor) => tensor.toFloat().mul(0).sum());
}

/** Whether all numbers of all tensors are finite. This reads the device. */
export async function areFinite(tensors: readonly tf.Tensor[]): Promise<boolean> {
  if (tensors.length === 0) return true;
  const probe = tf.tidy(() => tf.addN(finiteProbes(tensors)));
  try {
    const [value] = await probe.data();
    return !Number.isNaN(value);
  } finally {
    probe.dispose();
  }
}

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
interface Outputs {
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
