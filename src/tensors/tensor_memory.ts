/**
 * The memory of tensors, where it can be read and written at once.
 *
 * @module
 */
import { type BackendWasm, tf } from "../deps/tfjs.ts";

/** The array that holds the elements of a tensor. */
export type Elements = Float32Array | Int32Array | Uint8Array;

const CONTAINERS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/**
 * The memory of a tensor: writing to it changes the tensor.
 *
 * It is valid only until the next tensor is made, because a heap that grows detaches old views.
 *
 * @param tensor A tensor that has no clones: they share its memory.
 * @returns Its elements; `undefined` on a backend whose memory cannot be reached.
 * @throws {Error} If the length of the memory is not the size of the tensor.
 */
export function memoryOf(tensor: tf.Tensor): Elements | undefined {
  const view = viewOf(tensor);
  if (view && view.length !== tensor.size) {
    throw new Error(
      `Cannot use a tensor's memory as it must hold ${tensor.size} elements: ` +
        `current value is ${view.length}`,
    );
  }
  return view;
}

/** Whether no clone shares the memory of a tensor. */
export function isSole(tensor: tf.Tensor): boolean {
  const backend = tf.backend() as { refCount?: (dataId: object) => number };
  return backend.refCount?.(tensor.dataId) === 1;
}

/** The parts of the engine's state that decide whether an operation can be left out. */
interface EngineState {
  readonly gradientDepth: number;
  readonly profiling: boolean;
}

/**
 * Clones a tensor. On the WebAssembly backend, outside of gradients, that is no operation, which would cost as
 * much as a small kernel.
 */
export function cloneTensor(tensor: tf.Tensor): tf.Tensor {
  const engine = tf.engine(), { gradientDepth, profiling } = engine.state as EngineState;
  const { shape, dtype, dataId } = tensor;
  const isShared = tf.getBackend() === "wasm" && gradientDepth === 0 && !profiling &&
    !tensor.isDisposed && isWritable(dtype) && !tf.env().getBool("DEBUG");
  if (!isShared) return tensor.clone();
  (tf.backend() as unknown as BackendWasm).incRef(dataId);
  return engine.makeTensorFromTensorInfo({ dataId, shape, dtype });
}

/** Whether {@linkcode writeTensor} makes tensors of a type. */
export function isWritable(dtype: tf.DataType): dtype is keyof typeof CONTAINERS {
  return Object.hasOwn(CONTAINERS, dtype);
}

/**
 * Makes a tensor and writes its elements straight to its memory, without a copy.
 *
 * @param shape Shape of the tensor.
 * @param dtype Type of its elements.
 * @param write Sets all elements, and makes no tensor.
 * @returns The tensor, which the caller disposes.
 */
export function writeTensor(
  shape: number[],
  dtype: keyof typeof CONTAINERS,
  write: (elements: Elements) => void,
): tf.Tensor {
  if (tf.getBackend() === "wasm") {
    const output = (tf.backend() as unknown as BackendWasm).makeOutput(shape, dtype);
    const tensor = tf.engine().makeTensorFromTensorInfo(output);
    write(memoryOf(tensor)!);
    return tensor;
  }
  const elements = new CONTAINERS[dtype](tf.util.sizeFromShape(shape));
  write(elements);
  return tf.tensor(elements as Float32Array, shape, dtype);
}

function viewOf(tensor: tf.Tensor): Elements | undefined {
  if (tensor.dtype === "string") return tensor.dataSync() as unknown as Elements;
  if (tf.getBackend() === "cpu") return valuesOf(tensor);
  if (tf.getBackend() !== "wasm") return;
  return (tf.backend() as unknown as BackendWasm).typedArrayFromHeap(tensor) as Elements;
}

/** The elements on the cpu backend: they are in the memory of the program, and need not be read. */
function valuesOf(tensor: tf.Tensor): Elements {
  const { data } = tf.backend() as unknown as {
    data: { get(id: tf.Tensor["dataId"]): { values?: unknown } };
  };
  const { values } = data.get(tensor.dataId);
  return ArrayBuffer.isView(values) ? values as Elements : tensor.dataSync<"float32">();
}

/**
 * Runs one of our kernels that writes its results over those inputs that share their elements with no
 * other tensor.
 *
 * @param kernelName The kernel.
 * @param inputs Its inputs, by name or as a list.
 * @param attributes Its numbers.
 * @returns The results: the input itself if it was written in place, else a new tensor, which the
 *   caller disposes; `undefined` if the backend has no such kernel.
 */
export function runInPlace(
  kernelName: string,
  inputs: tf.NamedTensorMap | readonly tf.TensorInfo[],
  attributes: Record<string, number>,
): tf.Tensor[] | undefined {
  const kernel = tf.getKernel(kernelName, tf.getBackend());
  if (!kernel) return;
  const results = kernel.kernelFunc({
    inputs: inputs as tf.NamedTensorMap,
    attrs: attributes,
    backend: tf.backend(),
  }) as tf.TensorInfo[];
  for (let i = 0; i < results.length; i++) {
    if (results[i] instanceof tf.Tensor) continue;
    results[i] = tf.engine().makeTensorFromTensorInfo(results[i]);
  }
  return results as tf.Tensor[];
}

/** The facts that a function found in elements. */
export interface Facts {
  /** The fact that decides which operations follow. Default: none does. */
  readonly decision?: unknown;
  /** Weight of the batch in a mean of batches, on which no operation depends. Default: none. */
  readonly weight?: number;
}

/** Follows inspections, while a step is recorded. */
export interface InspectionObserver {
  /** Elements are inspected: calls `work`, and returns its result. */
  inspects<F extends Facts>(
    tensors: readonly tf.Tensor[],
    inspect: (elements: readonly Elements[]) => F,
    work: () => F | undefined,
  ): F | undefined;
  /** A loss was weighed; `parts` are the losses whose common weight it takes. */
  weighs(loss: tf.Tensor, weight: number | undefined, parts?: readonly tf.Tensor[]): void;
}

let observer: InspectionObserver | undefined;

/** Makes an observer follow all inspections; returns the one before. */
export function observeInspections(
  next: InspectionObserver | undefined,
): InspectionObserver | undefined {
  const before = observer;
  observer = next;
  return before;
}

/**
 * Notes that a loss was weighed, for a step that is recorded.
 *
 * @param loss The loss.
 * @param weight Its weight, as an inspection has found it; `undefined` if its parts have no common
 *   one.
 * @param parts The losses whose common weight it takes, if any.
 */
export function noteWeight(
  loss: tf.Tensor,
  weight: number | undefined,
  parts?: readonly tf.Tensor[],
): void {
  observer?.weighs(loss, weight, parts);
}

/**
 * Looks at the elements of labels or weights of a batch, to check or to sum them. A loss that reads
 * elements in this way can be compiled: the function is called again for each batch.
 *
 * @param tensors Tensors of the batch, not results of operations.
 * @param inspect Depends on the elements only. Whatever decides which operations follow is its
 *   `decision`, as plain data.
 * @returns The facts; `undefined` on a backend whose memory cannot be read at once.
 */
export function inspectElements<F extends Facts>(
  tensors: readonly tf.Tensor[],
  inspect: (elements: readonly Elements[]) => F,
): F | undefined {
  const work = () => {
    const elements = tensors.map(memoryOf);
    return elements.includes(undefined) ? undefined : inspect(elements as Elements[]);
  };
  return observer ? observer.inspects(tensors, inspect, work) : work();
}

/** The rule by which the weight of a loss follows from the weights that inspections find. */
export type WeightRule =
  /** It is the same in each batch; `undefined`: the number of examples. */
  | { readonly constant: number | undefined }
  /** It is the weight that an inspection finds. */
  | { readonly inspection: number }
  /** It is the weight of all parts, if that is the same. */
  | { readonly common: readonly WeightRule[] };

/**
 * Computes the weight of a loss.
 *
 * @param rule The rule.
 * @param found The weight that each inspection has found.
 */
export function weightBy(
  rule: WeightRule,
  found: readonly (number | undefined)[],
): number | undefined {
  if ("constant" in rule) return rule.constant;
  if ("inspection" in rule) return found[rule.inspection];
  const [first, ...others] = rule.common.map((part) => weightBy(part, found));
  return others.every((weight) => weight === first) ? first : undefined;
}
