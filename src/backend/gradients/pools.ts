/**
 * Gradients of pooling, and of these gradients, for which windows are slices, one for each tap.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Convolution, fromInfo } from "../geometry.ts";
import {
  type Attributes,
  isRecorded,
  pullBack,
  registerGradient,
  registerGradients,
  run,
} from "./gradient.ts";

/** Registers the gradients. */
export function registerPools(): void {
  for (const deep of ["", "3D"]) {
    registerGradient(`AvgPool${deep}`, { inputs: ["x"] }, (dy, [x], attributes) => ({
      x: () => run(`AvgPool${deep}Grad`, { dy, input: x }, attributes),
    }));
    registerGradient(`AvgPool${deep}Grad`, { inputs: ["input"] }, (ddx, [x], attributes) => ({
      dy: () => run(`AvgPool${deep}`, { x: ddx }, attributes),
      input: () => tf.zerosLike(x),
    }));
    registerGradient(
      `MaxPool${deep}`,
      { inputs: ["x"], results: [true] },
      (dy, [x, y], attributes) => ({
        x: () =>
          isRecorded()
            ? pullBack((x) => maximumOf(x, attributes), [x], dy)[0]
            : run(`MaxPool${deep}Grad`, { dy, input: x, output: y }, attributes),
      }),
    );
  }
  registerGradients(
    "MaxPoolWithArgmax",
    { inputs: ["x"], results: [false, true] },
    ([dy], [x, indices], { includeBatchInIndex }) => ({
      x: () => {
        const images = x.shape[0];
        const starts = tf.range(0, images, 1, "int32")
          .mul(tf.scalar(includeBatchInIndex ? 0 : x.size / images, "int32"));
        const places = indices.reshape([images, -1]).add(starts.reshape([images, 1])).flatten();
        const slopes = dy.flatten();
        return tf.unsortedSegmentSum(slopes, places as tf.Tensor1D, x.size).reshape(x.shape);
      },
    }),
  );
}

/** Pooling made of operations that have gradients of any order: the sum of what was the largest. */
function maximumOf(x: tf.Tensor, attributes: Attributes): tf.Tensor {
  const c = poolGeometry(x.shape, attributes);
  const largest = sumOfLargest(takeWindows(x, c, -Infinity), takeWindows(x, c, 0));
  return largest.reshape([c.batch, ...c.output.slice(5 - x.rank), c.channels]);
}

function poolGeometry(shape: number[], attributes: Attributes): Convolution {
  const { filterSize, strides, pad, dimRoundingMode } = attributes;
  return fromInfo(
    shape.length === 5
      ? tf.backend_util.computePool3DInfo(
        ...[shape as Shape5, filterSize, strides, 1, pad, dimRoundingMode] as const,
      )
      : tf.backend_util.computePool2DInfo(
        ...[shape as Shape4, filterSize, strides, 1, pad, dimRoundingMode] as const,
      ),
  );
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

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
