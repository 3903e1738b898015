import { tf } from "../../deps/tfjs.ts";
import { type CpuCall, fixKernel } from "./cpu_kernel.ts";

/**
 * Repairs the broadcasting of products and normalisations, and channels that come first.
 *
 * tfjs repeats the elements of the smaller operand in their order in memory, which is right only
 * where its leading axes are those that are missing.
 */
export function fixProducts(): void {
  fixKernel("BatchMatMul", (call) => {
    const { a, b } = call.inputs;
    const [batchA, batchB] = [a, b].map(({ shape }) => shape.slice(0, -2));
    if (batchA.join() === batchB.join()) return call.runStock();
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
    return call.runStock({
      a: broadcast(call, a, [...batch, ...a.shape.slice(-2)]),
      b: broadcast(call, b, [...batch, ...b.shape.slice(-2)]),
    });
  });
  fixKernel("FusedBatchNorm", (call) => {
    const { x, ...vectors } = call.inputs;
    const isPlain = Object.values(vectors).every((vector) =>
      !vector || isRepeated(vector.shape, x.shape)
    );
    if (isPlain) return call.runStock();
    const whole = Object.entries(vectors).map(([name, vector]) =>
      [name, vector && broadcast(call, vector, x.shape)] as const
    );
    return call.runStock({ x, ...Object.fromEntries(whole) });
  });
  for (const kernelName of ["Add", "Sub", "Multiply"]) {
    fixKernel(kernelName, (call) => {
      const { a, b } = call.inputs;
      const rank = Math.max(a.shape.length, b.shape.length);
      const isEven = a.shape.length === b.shape.length;
      if (isEven || (a.dtype !== "complex64" && b.dtype !== "complex64")) return call.runStock();
      // tfjs broadcasts complex numbers along axes of size one only.
      const [wideA, wideB] = [a, b].map((x) =>
        call.run("Reshape", { x }, { shape: [...Array(rank - x.shape.length).fill(1), ...x.shape] })
      );
      return call.runStock({ a: wideA, b: wideB });
    });
  }
  fixKernel("DepthwiseConv2dNative", (call) => {
    const { inputs: { x, filter }, attributes } = call;
    if (attributes.dataFormat !== "NCHW") return call.runStock();
    // tfjs reads channels that come first as if they came last.
    const { pad } = attributes;
    const order = [0, 2, 3, 1];
    const y = call.runStock({ x: call.run("Transpose", { x }, { perm: order }), filter }, {
      ...attributes,
      dataFormat: "NHWC",
      pad: Array.isArray(pad) ? order.map((axis) => pad[axis]) : pad,
    });
    return call.run("Transpose", { x: y }, { perm: [0, 3, 1, 2] });
  });
}

/** Whether to broadcast a shape is to repeat its elements in their order in memory. */
export function isRepeated(shape: number[], whole: number[]): boolean {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 || shape.slice(first).join() === whole.slice(first - shape.length).join();
}

/** A tensor repeated to a larger shape. */
function broadcast({ run }: CpuCall, x: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const missing: number[] = Array(shape.length - x.shape.length).fill(1);
  const from = [...missing, ...x.shape];
  const reps = shape.map((size, axis) => from[axis] === size ? 1 : size);
  return run("Tile", { x: run("Reshape", { x }, { shape: from }) }, { reps });
}
