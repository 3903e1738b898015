/**
 * The numbers by which kernels of TensorFlow.js know tensors.
 *
 * @module
 */
import { type BackendWasm, tf } from "../../deps/tfjs.ts";

/** The private parts of the backend that count tensors. */
interface Numbering {
  dataIdNextNumber: number;
  wasm: {
    tfjs: {
      registerTensor(id: number, size: number, address: number): void;
      disposeData(id: number): void;
    };
  };
}

function numberingOf(backend: BackendWasm): Numbering {
  return backend as unknown as Numbering;
}

/** Makes memory that belongs to something else a tensor of the backend; returns its data id. */
export function lendMemory(
  backend: BackendWasm,
  address: number,
  shape: number[],
  dtype: tf.DataType,
): object {
  const numbering = numberingOf(backend);
  const id = numbering.dataIdNextNumber++;
  const dataId = {};
  numbering.wasm.tfjs.registerTensor(id, tf.util.sizeFromShape(shape), address);
  backend.dataIdMap.set(dataId, { id, memoryOffset: address, shape, dtype, refCount: 1 });
  return dataId;
}

/** Takes memory back that was lent. */
export function takeMemoryBack(backend: BackendWasm, dataId: object): void {
  numberingOf(backend).wasm.tfjs.disposeData(backend.dataIdMap.get(dataId).id);
  backend.dataIdMap.delete(dataId);
}

/**
 * Gives tensors other numbers. In two recordings of a step, an argument that is a number of a tensor
 * is then another one, and every other argument is the same.
 */
export function renumber(backend: BackendWasm, dataIds: Iterable<object>): void {
  const numbering = numberingOf(backend);
  for (const dataId of new Set(dataIds)) {
    if (!backend.dataIdMap.has(dataId)) continue;
    const data = backend.dataIdMap.get(dataId);
    if (data.memoryOffset === null) continue;
    numbering.wasm.tfjs.disposeData(data.id);
    data.id = numbering.dataIdNextNumber++;
    numbering.wasm.tfjs.registerTensor(
      data.id,
      tf.util.sizeFromShape(data.shape),
      data.memoryOffset,
    );
  }
}
