/**
 * tfjs's cpu kernels for tensors of the WebAssembly backend.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { KernelHeap } from "./kernel_heap.ts";

/** The elements of a tensor as the cpu backend stores them. */
type Values = Float32Array | Int32Array | Uint8Array | Uint8Array[];

/** An entry of the cpu backend's storage. */
interface CpuData {
  values: Values | undefined;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

/** The parts of the cpu backend that this file uses. */
interface CpuBackend extends tf.KernelBackend {
  data: { get(dataId: object): CpuData };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: Values): tf.TensorInfo;
}

type Inputs = tf.TensorInfo | undefined | readonly Inputs[] | { readonly [name: string]: Inputs };

/**
 * Runs a kernel of tfjs's cpu backend on copies of the inputs.
 *
 * It is slow, but right for every dtype.
 *
 * @param heap The heap of the inputs and of the results.
 * @param kernelName Name of the kernel.
 * @param inputs Its inputs, by name or in a list.
 * @param attributes Its attributes.
 * @returns Its results, on the heap.
 */
export function runOnCpu(
  heap: KernelHeap,
  kernelName: string,
  inputs: Inputs,
  attributes: object | undefined,
): tf.TensorInfo | tf.TensorInfo[] {
  const kernel = tf.getKernel(kernelName, "cpu");
  if (!kernel) {
    throw new TypeError(
      `Cannot run ${kernelName} as its inputs must be float32: there is no kernel for others`,
    );
  }
  // A backend for this call alone: nothing in it has to be disposed.
  const cpu = tf.findBackendFactory("cpu")() as CpuBackend;
  const originals = new Map<object, tf.TensorInfo>();
  const lend = (input: Inputs): Inputs => {
    if (!input) return input;
    if (Array.isArray(input)) return input.map(lend);
    if (!("dataId" in input)) {
      return Object.fromEntries(Object.entries(input).map(([name, inner]) => [name, lend(inner)]));
    }
    const copy = copyToCpu(heap, cpu, input as tf.TensorInfo);
    originals.set(copy.dataId, input as tf.TensorInfo);
    return copy;
  };
  const results = kernel.kernelFunc({
    inputs: lend(inputs) as unknown as tf.NamedTensorMap,
    attrs: attributes as Record<string, number>,
    backend: cpu,
  });
  const take = (result: tf.TensorInfo): tf.TensorInfo => {
    const original = originals.get(result.dataId);
    return original?.dtype === result.dtype
      ? heap.alias(original, result.shape)
      : heap.outputOf(result.shape, result.dtype, valuesOf(cpu, result));
  };
  return Array.isArray(results) ? results.map(take) : take(results);
}

function copyToCpu(heap: KernelHeap, cpu: CpuBackend, tensor: tf.TensorInfo): tf.TensorInfo {
  const { shape, dtype } = tensor;
  const values = heap.backend.readSync(tensor.dataId) as Values;
  // Some kernels read the rank of a tensor.
  const withRank = (info: tf.TensorInfo) => Object.assign(info, { rank: shape.length });
  if (dtype !== "complex64") return withRank(cpu.makeTensorInfo(shape, dtype, values));
  const info = withRank(cpu.makeTensorInfo(shape, dtype));
  const { real, imag } = tf.backend_util.splitRealAndImagArrays(values as Float32Array);
  cpu.data.get(info.dataId).complexTensorInfos = {
    real: cpu.makeTensorInfo(shape, "float32", real),
    imag: cpu.makeTensorInfo(shape, "float32", imag),
  };
  return info;
}

function valuesOf(cpu: CpuBackend, { dataId }: tf.TensorInfo): ArrayLike<number> | Uint8Array[] {
  const { values = [], complexTensorInfos } = cpu.data.get(dataId);
  if (!complexTensorInfos) return values;
  const { real, imag } = complexTensorInfos;
  return tf.backend_util.mergeRealAndImagArrays(
    valuesOf(cpu, real) as Float32Array,
    valuesOf(cpu, imag) as Float32Array,
  );
}
