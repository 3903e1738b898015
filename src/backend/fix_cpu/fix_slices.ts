import { tf } from "../../deps/tfjs.ts";
import { fixKernel } from "./cpu_kernel.ts";

/** Repairs the taking and setting of parts of a tensor. */
export function fixSlices(): void {
  // tfjs writes the updates into the tensor that it was given.
  fixKernel("TensorScatterUpdate", ({ inputs, valuesOf, result, runStock }) => {
    const { tensor } = inputs;
    return runStock({
      ...inputs,
      tensor: result(tensor.shape, valuesOf(tensor).slice(), tensor.dtype),
    });
  });
  // tfjs takes the strides of one axis for those of another once an axis is left out.
  fixKernel("StridedSlice", ({ inputs: { x }, attributes, valuesOf, result, runStock }) => {
    if (!attributes.shrinkAxisMask || x.dtype === "string") return runStock();
    const { begin, end, strides, finalShape } = tf.slice_util.sliceInfo(
      ...[x.shape, attributes.begin, attributes.end, attributes.strides] as const,
      ...[attributes.beginMask, attributes.endMask, attributes.ellipsisMask] as const,
      ...[attributes.newAxisMask, attributes.shrinkAxisMask] as const,
    );
    const counts = tf.slice_util.computeOutShape(begin, end, strides);
    const steps = [...tf.util.computeStrides(x.shape), 1];
    let places = [0];
    counts.forEach((count, axis) => {
      places = places.flatMap((place) =>
        Array.from(
          { length: count },
          (_, i) => place + (begin[axis] + i * strides[axis]) * steps[axis],
        )
      );
    });
    const from = valuesOf(x);
    const to = from.slice(0, places.length);
    places.forEach((place, i) => to[i] = from[place]);
    return result(finalShape, to, x.dtype);
  });
}
