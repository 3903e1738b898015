import { tf } from "../deps/tfjs.ts";

/**
 * Makes the cpu backend convert the elements of integers that it casts to floats.
 *
 * tfjs renames them but leaves them integers, so that another backend, to which the tensor is
 * moved, reads their bits as floats.
 */
export function fixCpuCast(): void {
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
