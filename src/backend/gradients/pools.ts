/**
 * Gradients of pooling, and of these gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Convolution, fromInfo } from "../geometry.ts";
import { sumOfLargest, takeWindows } from "./windows.ts";
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
