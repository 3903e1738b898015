/**
 * Putting our kernels in the place of tfjs's.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { Heap, type Kernels } from "./kernel_heap.ts";
import { convolutionKernels } from "./kernels/convolution.ts";
import { dilationKernels } from "./kernels/dilation.ts";
import { depthwiseKernels } from "./kernels/depthwise.ts";
import { elementwiseKernels } from "./kernels/elementwise.ts";
import { fusedKernels } from "./kernels/fused.ts";
import type { Inputs, Kernel, KernelTable } from "./kernels/kernel.ts";
import { matmulKernels } from "./kernels/matmul.ts";
import { poolKernels } from "./kernels/pool.ts";
import type { Threads } from "./threads.ts";
import { trainingKernels } from "./kernels/training.ts";

const table: KernelTable = {
  ...matmulKernels,
  ...convolutionKernels,
  ...depthwiseKernels,
  ...dilationKernels,
  ...poolKernels,
  ...elementwiseKernels,
  ...fusedKernels,
  ...trainingKernels,
};

/** tfjs's kernels that ours replaced. */
const replaced = new Map<string, ReturnType<typeof tf.getKernel> | undefined>();

/**
 * Registers our kernels for the WebAssembly backend.
 *
 * Where there is a kernel of tfjs's, it stays behind ours, for what ours leaves to it.
 */
export function registerKernels(backend: BackendWasm, kernels: Kernels, threads?: Threads): void {
  const heap = new Heap(backend, kernels, threads);
  for (const [name, kernel] of Object.entries(table)) register(name, kernel, heap);
}

function register(kernelName: string, kernel: Kernel, heap: Heap): void {
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
        throw new TypeError(`Cannot run ${kernelName} on wasm as it must be float32 there`);
      };
      return kernel(heap, call.inputs as Inputs, call.attrs, runStock) ?? runStock();
    },
  });
}
