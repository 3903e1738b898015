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
