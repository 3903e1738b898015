/**
 * Puts our kernels in the place of tfjs's.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { KernelHeap } from "./kernel_heap.ts";
import type { Kernels } from "./load_kernels.ts";
import { CONVOLUTION_KERNELS } from "./kernels/convolution.ts";
import { DEPTHWISE_KERNELS } from "./kernels/depthwise.ts";
import { DILATION_KERNELS } from "./kernels/dilation.ts";
import { ELEMENTWISE_KERNELS } from "./kernels/elementwise.ts";
import { FUSED_KERNELS } from "./kernels/fused.ts";
import type { Inputs, Kernel, KernelTable } from "./kernels/kernel.ts";
import { MATMUL_KERNELS } from "./kernels/matmul.ts";
import { POOL_KERNELS } from "./kernels/pool.ts";
import { TRAINING_KERNELS } from "./kernels/training.ts";
import type { Threads } from "./threads.ts";

const KERNELS: KernelTable = {
  ...MATMUL_KERNELS,
  ...CONVOLUTION_KERNELS,
  ...DEPTHWISE_KERNELS,
  ...DILATION_KERNELS,
  ...POOL_KERNELS,
  ...ELEMENTWISE_KERNELS,
  ...FUSED_KERNELS,
  ...TRAINING_KERNELS,
};

/** tfjs's kernels that ours replaced. */
const replaced = new Map<string, ReturnType<typeof tf.getKernel> | undefined>();

/**
 * Registers our kernels for the WebAssembly backend.
 *
 * A kernel of tfjs that ours replaces still runs the cases that ours leaves to it.
 */
export function registerKernels(backend: BackendWasm, kernels: Kernels, threads?: Threads): void {
  const heap = new KernelHeap(backend, kernels, threads);
  for (const [name, kernel] of Object.entries(KERNELS)) register(name, kernel, heap);
}

function register(kernelName: string, kernel: Kernel, heap: KernelHeap): void {
  const current = tf.getKernel(kernelName, "wasm");
  if (!replaced.has(kernelName)) replaced.set(kernelName, current);
  if (current) tf.unregisterKernel(kernelName, "wasm");
  const stock = replaced.get(kernelName);
  tf.registerKernel({
    ...stock,
    kernelName,
    backendName: "wasm",
    kernelFunc: (call) => {
      const runStock = () => {
        if (stock) return stock.kernelFunc(call);
        throw new TypeError(`Cannot run ${kernelName} on wasm as its inputs must be float32`);
      };
      return kernel(heap, call.inputs as Inputs, call.attrs, runStock) ?? runStock();
    },
  });
}
