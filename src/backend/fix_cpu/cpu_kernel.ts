/**
 * Replaces kernels of tfjs's cpu backend by kernels on plain arrays.
 *
 * They use no other backend than the one that they are called for, as the WebAssembly backend also
 * calls them.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";

/** The parts of the cpu backend that we use. */
interface CpuBackend {
  data: { get(dataId: object): { values: Values } };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: Values): tf.TensorInfo;
  disposeIntermediateTensorInfo(tensor: tf.TensorInfo): void;
}

/** The elements of a tensor. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** One call of a kernel. */
export interface CpuCall {
  inputs: Record<string, tf.TensorInfo>;
  // deno-lint-ignore no-explicit-any
  attributes: any;
  /** The elements of an input. */
  valuesOf(tensor: tf.TensorInfo): Values;
  /** A new tensor. */
  result(shape: number[], values: Values, dtype?: tf.DataType): tf.TensorInfo;
  /** Runs another kernel of the backend. */
  run(name: string, inputs: Record<string, tf.TensorInfo>, attributes: object): tf.TensorInfo;
  /** Runs tfjs's own kernel, for these inputs and attributes. */
  runStock(inputs?: Record<string, tf.TensorInfo>, attributes?: object): tf.TensorInfo;
}

/** The results of a kernel. */
type CpuResult = tf.TensorInfo | tf.TensorInfo[];

/** Puts a kernel in the place of tfjs's. */
export function fixKernel(kernelName: string, compute: (call: CpuCall) => CpuResult): void {
  const stock = tf.getKernel(kernelName, "cpu");
  tf.unregisterKernel(kernelName, "cpu");
  tf.registerKernel({ ...stock, kernelFunc: kernelOf(compute, stock) });
}

/** Adds a kernel that tfjs does not have. */
export function addKernel(kernelName: string, compute: (call: CpuCall) => CpuResult): void {
  tf.registerKernel({ kernelName, backendName: "cpu", kernelFunc: kernelOf(compute) });
}

type KernelConfig = ReturnType<typeof tf.getKernel>;

function kernelOf(
  compute: (call: CpuCall) => CpuResult,
  stock?: KernelConfig,
): KernelConfig["kernelFunc"] {
  return ({ inputs, attrs, backend }) => {
    const cpu = backend as unknown as CpuBackend;
    const own = inputs as CpuCall["inputs"];
    const made: tf.TensorInfo[] = [];
    const keep = (tensor: tf.TensorInfo) => {
      made.push(tensor);
      return tensor;
    };
    const runWith = (kernel: KernelConfig, others: CpuCall["inputs"], attributes: object) => {
      const call = { inputs: others, attrs: attributes, backend };
      return keep(
        kernel.kernelFunc(call as Parameters<KernelConfig["kernelFunc"]>[0]) as tf.TensorInfo,
      );
    };
    const y = compute({
      inputs: own,
      attributes: attrs,
      valuesOf: ({ dataId }) => cpu.data.get(dataId).values,
      result: (shape, values, dtype = "float32") => keep(cpu.makeTensorInfo(shape, dtype, values)),
      run: (name, others, attributes) => runWith(tf.getKernel(name, "cpu"), others, attributes),
      runStock: (others = own, attributes = attrs ?? {}) => runWith(stock!, others, attributes),
    });
    const results = [y].flat();
    for (const tensor of made.flat()) {
      if (!results.includes(tensor)) cpu.disposeIntermediateTensorInfo(tensor);
    }
    return y;
  };
}
