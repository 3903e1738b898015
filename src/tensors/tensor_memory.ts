import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";

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
