import { tf } from "../../deps/tfjs.ts";
import { addKernel } from "./cpu_kernel.ts";

/**
 * Adds the gradient of running products, in one pass over each row, exact where factors are 0.
 *
 * The slope by factor `k` is the product before `k`, times `dy[k] + x[k + 1] s[k + 1]` where `s` is
 * that second factor.
 */
export function addCumprodGradient(): void {
  addKernel("TrainchartCumprodGradient", ({ inputs: { dy, x }, attributes, valuesOf, result }) => {
    const { axis, exclusive, reverse } = attributes;
    const at = tf.util.parseAxisParam(axis, x.shape)[0];
    const length = x.shape[at];
    const step = tf.util.sizeFromShape(x.shape.slice(at + 1));
    const factors = valuesOf(x), slopes = valuesOf(dy);
    const to = new Float32Array(factors.length);
    for (let row = 0; row < factors.length / Math.max(1, length); row++) {
      const start = Math.floor(row / step) * length * step + row % step;
      const place = (k: number) => start + (reverse ? length - 1 - k : k) * step;
      let product = 1;
      for (let k = 0; k < length; k++) {
        to[place(k)] = product;
        product *= factors[place(k)];
      }
      // An exclusive product is the inclusive one of the factors before it.
      let later = 0;
      for (let k = length - 1; k >= 0; k--) {
        const own = exclusive ? (k + 1 < length ? slopes[place(k + 1)] : 0) : slopes[place(k)];
        later = own + (k + 1 < length ? factors[place(k + 1)] * later : 0);
        to[place(k)] *= later;
      }
    }
    return result(x.shape, to);
  });
}
