/**
 * Repairs of tfjs's backends themselves.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { moduleOf } from "./kernel_heap.ts";

const mended = new WeakSet<BackendWasm>();

/** What WebAssembly can address, in bytes. */
const limit = 2 ** 32 - 65536;

/**
 * Makes a backend fail where it would go on with wrong memory: when there is none left, tfjs's
 * allocator returns 0 (or, for 4 GiB and more, room for the rest of a division), and kernels write
 * there. Now it throws a `RangeError`.
 */
export function mendBackend(backend: BackendWasm): void {
  if (mended.has(backend)) return;
  mended.add(backend);
  const module = moduleOf(backend);
  // Its first call puts the function itself in its place, and would put it in place of ours.
  module._free(module._malloc(16));
  const { _malloc } = module;
  module._malloc = function malloc(bytes) {
    const address = bytes <= limit ? _malloc(bytes) >>> 0 : 0;
    if (address === 0 && bytes > 0) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes as WebAssembly must hold all tensors in 4 GiB: ` +
          `its heap has ${module.HEAPU8.length} bytes. Dispose tensors, or train with smaller batches`,
      );
    }
    return address;
  };
}

/**
 * Lets the cpu backend convert what it casts.
 *
 * It gives integers the name of floats but leaves them integers, so that on another backend, to
 * which the tensor is moved, their bits are taken for floats.
 */
export function mendCast(): void {
  const stock = tf.getKernel("Cast", "cpu");
  tf.unregisterKernel("Cast", "cpu");
  tf.registerKernel({
    ...stock,
    kernelFunc: (call) => {
      const x = call.inputs.x as tf.TensorInfo, dtype = call.attrs?.dtype as tf.DataType;
      if (dtype !== "float32" || !["int32", "bool"].includes(x.dtype)) {
        return stock.kernelFunc(call);
      }
      const cpu = call.backend as
        & { data: Map<object, { values: ArrayLike<number> }> }
        & Pick<
          tf.KernelBackend,
          "write"
        >;
      const values = Float32Array.from(cpu.data.get(x.dataId)!.values);
      return { dataId: cpu.write(values, x.shape, dtype), shape: x.shape, dtype };
    },
  });
}
