/**
 * Puts our kernels in the place of tfjs's.
 *
 * @module
 */
import { type BackendWasm, tf } from "../deps/tfjs.ts";
import { fixBackend, loadKernels } from "./wasm_modules.ts";
import { heapOf, KernelHeap, useHeap } from "./kernel_heap.ts";
import { BINARY_KERNELS } from "./kernels/binary.ts";
import { COMPLEX_KERNELS } from "./kernels/complex.ts";
import { CONVOLUTION_KERNELS } from "./kernels/convolution.ts";
import { DEPTHWISE_KERNELS } from "./kernels/direct.ts";
import { DILATION_KERNELS, POOL_KERNELS, RESIZE_KERNELS } from "./kernels/images.ts";
import { RANDOM_KERNELS, TRAINING_KERNELS } from "./kernels/training.ts";
import { ELEMENTWISE_KERNELS, UNARY_KERNELS } from "./kernels/unary.ts";
import type { Inputs, Kernel, KernelTable } from "./kernels/kernel.ts";
import { MATMUL_KERNELS } from "./kernels/matmul.ts";
import { MOVE_KERNELS, SCATTER_KERNELS } from "./kernels/moves.ts";
import { NORMALIZATION_KERNELS, SOFTMAX_KERNELS } from "./kernels/normalization.ts";
import { PADDING_KERNELS, REARRANGEMENT_KERNELS } from "./kernels/rearrangements.ts";
import { RECURRENT_KERNELS } from "./kernels/recurrent.ts";
import { REDUCTION_KERNELS } from "./kernels/reductions.ts";
import { runOnCpu, TRUSTED_KERNELS } from "./fallback_kernels.ts";

type KernelConfig = ReturnType<typeof tf.getKernel>;

const KERNELS: KernelTable = {
  ...MATMUL_KERNELS,
  ...CONVOLUTION_KERNELS,
  ...DEPTHWISE_KERNELS,
  ...DILATION_KERNELS,
  ...POOL_KERNELS,
  ...UNARY_KERNELS,
  ...BINARY_KERNELS,
  ...SOFTMAX_KERNELS,
  ...COMPLEX_KERNELS,
  ...ELEMENTWISE_KERNELS,
  ...MOVE_KERNELS,
  ...RECURRENT_KERNELS,
  ...PADDING_KERNELS,
  ...REARRANGEMENT_KERNELS,
  ...REDUCTION_KERNELS,
  ...RESIZE_KERNELS,
  ...SCATTER_KERNELS,
  ...RANDOM_KERNELS,
  ...NORMALIZATION_KERNELS,
  ...TRAINING_KERNELS,
};

/** The kernels of tfjs's WebAssembly backend, before ours were registered. */
let stockKernels: Map<string, KernelConfig> | undefined;

/**
 * Registers our kernels for the WebAssembly backend, for this heap and those to come.
 *
 * A case that our kernel leaves out is run by tfjs's kernel if that is right, else by the kernel of
 * tfjs's cpu backend.
 */
export function registerKernels(heap: KernelHeap): void {
  useHeap(heap);
  if (stockKernels) return;
  stockKernels = new Map(
    tf.getKernelsForBackend("wasm").map((config) => [config.kernelName, config]),
  );
  const ofCpu = tf.getKernelsForBackend("cpu").map(({ kernelName }) => kernelName);
  for (const name of new Set([...stockKernels.keys(), ...ofCpu, ...Object.keys(KERNELS)])) {
    register(name, KERNELS[name], stockKernels.get(name));
  }
}

function register(kernelName: string, ours?: Kernel, stock?: KernelConfig): void {
  if (stock) tf.unregisterKernel(kernelName, "wasm");
  const isRight = TRUSTED_KERNELS[kernelName];
  tf.registerKernel({
    ...stock,
    kernelName,
    backendName: "wasm",
    kernelFunc: (call) => {
      const heap = heapOf(call.backend) ?? adopt(call.backend as BackendWasm);
      const inputs = call.inputs as Inputs;
      const runStock = () => stock!.kernelFunc(call);
      const result = ours?.(heap, inputs, call.attrs, runStock);
      if (result) return result;
      // Kernels of tfjs for empty tensors do not write their result, or end in an abort.
      if (stock && isRight?.(inputs, call.attrs) && !hasEmpty(inputs)) return runStock();
      return runOnCpu(heap, kernelName, inputs, call.attrs);
    },
  });
}

/** A backend that tfjs has started again by itself. */
function adopt(backend: BackendWasm): KernelHeap {
  fixBackend(backend);
  const { kernels, addresses } = loadKernels(backend)!;
  const heap = new KernelHeap(backend, kernels, addresses);
  useHeap(heap);
  return heap;
}

function hasEmpty(inputs: Inputs): boolean {
  for (const name in inputs) {
    const shape = inputs[name]?.shape ?? [];
    // Not by `includes()`, which costs as much as a small kernel.
    for (let axis = 0; axis < shape.length; axis++) if (shape[axis] === 0) return true;
  }
  return false;
}
