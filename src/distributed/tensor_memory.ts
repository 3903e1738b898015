import { tf } from "../deps/tfjs.ts";
import { moduleOf } from "../backend/heap.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";

/**
 * The memory of a tensor, in place: what is written there is the tensor's.
 *
 * It is good only until the next tensor is made, because a heap that grows leaves old views empty.
 *
 * @param tensor `float32`, and nobody else's: clones share their memory.
 * @returns Its elements; `undefined` on a backend whose memory cannot be reached.
 * @throws {Error} If the view is not of the tensor's length.
 */
export function memoryOf(tensor: tf.Tensor): Float32Array | undefined {
  const view = viewOf(tensor);
  if (view && view.length !== tensor.size) {
    throw new Error(
      `Cannot exchange a tensor as its memory must hold ${tensor.size} elements: ` +
        `current value is ${view.length}`,
    );
  }
  return view;
}

/** Whether no clone shares a tensor's memory. */
export function isSole(tensor: tf.Tensor): boolean {
  const backend = tf.backend() as { refCount?: (dataId: object) => number };
  return backend.refCount?.(tensor.dataId) === 1;
}

function viewOf(tensor: tf.Tensor): Float32Array | undefined {
  if (tf.getBackend() === "cpu") return tensor.dataSync<"float32">();
  if (tf.getBackend() !== "wasm") return;
  const backend = tf.backend() as unknown as BackendWasm;
  const { memoryOffset } = backend.dataIdMap.get(tensor.dataId);
  return new Float32Array(moduleOf(backend).HEAPU8.buffer, memoryOffset, tensor.size);
}
