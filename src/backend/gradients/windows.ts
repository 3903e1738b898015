/**
 * Windows on images as slices, one for each tap: for gradients of gradients of what looks for the
 * largest element of a window.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { Convolution } from "../geometry.ts";

/**
 * For each tap of the window, the element that each result sees there, `[batch, …output, channels]`
 * with three axes of output.
 *
 * @param image `[batch, …input, channels]`, with two or three axes of input.
 * @param c The geometry of the windows.
 * @param outside What lies around the image.
 */
export function takeWindows(image: tf.Tensor, c: Convolution, outside: number): tf.Tensor[] {
  const { batch, channels, input, output, filter, stride, dilation, pad } = c;
  const lengths = output.map((size, axis) => (size - 1) * stride[axis] + 1);
  const paddings = input.map((size, axis): [number, number] => {
    const end = lengths[axis] + (filter[axis] - 1) * dilation[axis] - pad[axis];
    return [pad[axis], Math.max(0, end - size)];
  });
  const padded = image.reshape([batch, ...input, channels])
    .pad([[0, 0], ...paddings, [0, 0]], outside);
  const taps = [...Array(filter[0] * filter[1] * filter[2]).keys()].map((tap) =>
    [
      Math.floor(tap / filter[1] / filter[2]),
      Math.floor(tap / filter[2]) % filter[1],
      tap % filter[2],
    ].map((at, axis) => at * dilation[axis])
  );
  return taps.map((tap) =>
    padded.stridedSlice(
      [0, ...tap, 0],
      [batch, ...tap.map((at, axis) => at + lengths[axis]), channels],
      [1, ...stride, 1],
    )
  );
}

/** The sum of the values whose candidate is the largest; the first one of equals, as in kernels. */
export function sumOfLargest(candidates: tf.Tensor[], values: tf.Tensor[]): tf.Tensor {
  const largest = candidates.reduce((a, b) => tf.maximum(a, b));
  let isOpen = largest.equal(largest);
  let sum = tf.zerosLike(largest);
  candidates.forEach((candidate, i) => {
    const isTaken = candidate.equal(largest).logicalAnd(isOpen);
    isOpen = isOpen.logicalAnd(isTaken.logicalNot());
    sum = sum.add(values[i].mul(isTaken.toFloat()));
  });
  return sum;
}
