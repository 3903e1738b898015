import { tf } from "../../deps/tfjs.ts";

/** The parts of the cpu backend that this file uses. */
interface CpuBackend extends tf.KernelBackend {
  data: { get(dataId: object): { values?: unknown; complexTensorInfos?: object } };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: Float32Array): tf.TensorInfo;
}

/** Lets complex numbers move to the cpu backend, which keeps their parts in two tensors. */
export function fixMove(): void {
  const prototype: CpuBackend = Object.getPrototypeOf(tf.findBackendFactory("cpu")());
  const { move } = prototype;
  prototype.move = function (this: CpuBackend, dataId, values, shape, dtype, refCount) {
    move.call(this, dataId, values, shape, dtype, refCount);
    if (dtype !== "complex64") return;
    const { real, imag } = tf.backend_util.splitRealAndImagArrays(values as Float32Array);
    const data = this.data.get(dataId);
    data.values = undefined;
    data.complexTensorInfos = {
      real: this.makeTensorInfo(shape, "float32", real),
      imag: this.makeTensorInfo(shape, "float32", imag),
    };
  };
}
