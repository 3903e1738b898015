import { fixKernel } from "./cpu_kernel.ts";

/**
 * Makes the cpu backend convert the elements of integers that it casts to floats.
 *
 * tfjs renames them but leaves them integers, so that another backend, to which the tensor is
 * moved, reads their bits as floats.
 */
export function fixCast(): void {
  fixKernel("Cast", ({ inputs: { x }, attributes, valuesOf, result, runStock }) => {
    const isConverted = attributes.dtype === "float32" && ["int32", "bool"].includes(x.dtype);
    return isConverted ? result(x.shape, Float32Array.from(valuesOf(x))) : runStock();
  });
}
