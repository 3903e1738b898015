/**
 * Gradients of operations on images: resizing, cropping, rotating, transforming, dilating.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Convolution, fromInfo } from "../geometry.ts";
import { type Attributes, flat, isRecorded, pullBack, registerGradient, run } from "./gradient.ts";
import { cropAndResize, transform } from "./sampling.ts";
import { sumOfLargest, takeWindows } from "./windows.ts";

/** Registers the gradients. */
export function registerImages(): void {
  for (const kernelName of ["ResizeBilinear", "ResizeNearestNeighbor"]) {
    registerGradient(kernelName, { inputs: ["images"] }, (dy, [images], attributes) => ({
      images: () => run(`${kernelName}Grad`, { dy, images }, attributes),
    }));
    // Both are linear, and so each other's gradients.
    registerGradient(`${kernelName}Grad`, { inputs: ["images"] }, (ddx, [images], attributes) => ({
      dy: () => run(kernelName, { images: ddx }, attributes),
      images: () => tf.zerosLike(images),
    }));
  }
  registerGradient(
    "CropAndResize",
    { inputs: ["image", "boxes", "boxInd"] },
    (dy, [image, boxes, indices], attributes) => ({
      image: () => pullBack((x) => cropAndResize(x, boxes, indices, attributes), [image], dy)[0],
      boxes: () =>
        attributes.method === "nearest"
          ? flat(boxes)
          : pullBack((x) => cropAndResize(image, x, indices, attributes), [boxes], dy)[0],
      boxInd: () => flat(indices),
    }),
  );
  registerGradient(
    "Transform",
    { inputs: ["image", "transforms"] },
    (dy, [image, transforms], attributes) => ({
      image: () => pullBack((x) => transform(x, transforms, attributes), [image], dy)[0],
      transforms: () =>
        attributes.interpolation === "nearest"
          ? flat(transforms)
          : pullBack((x) => transform(image, x, attributes), [transforms], dy)[0],
    }),
  );
  registerGradient("RotateWithOffset", { inputs: ["image"] }, (dy, [image], attributes) => ({
    image: () => rotateBack(dy, image.shape, attributes),
  }));
  registerGradient("FlipLeftRight", {}, (dy) => ({ image: () => dy.reverse(2) }));
  registerDilation();
}

/** Moves the slopes of rotated pixels back to where the pixels came from. */
function rotateBack(dy: tf.Tensor, shape: number[], attributes: Attributes): tf.Tensor {
  const [batch, height, width, channels] = shape;
  const pixels = height * width;
  const numbers = tf.range(0, pixels).reshape([1, height, width, 1]);
  const origins = run("RotateWithOffset", { image: numbers }, { ...attributes, fillValue: -1 });
  const rows = origins.reshape([1, pixels]);
  const starts = tf.range(0, batch).mul(pixels).reshape([batch, 1]);
  const places = tf.where(rows.less(0), rows, rows.add(starts)).toInt().flatten();
  const slopes = dy.reshape([batch * pixels, channels]);
  return tf.unsortedSegmentSum(slopes, places as tf.Tensor1D, batch * pixels).reshape(shape);
}

function registerDilation(): void {
  registerGradient("Dilation2D", { inputs: ["x", "filter"] }, (dy, [x, filter], attributes) => ({
    x: () =>
      isRecorded()
        ? pullBack((x) => dilate(x, filter, attributes), [x], dy)[0]
        : run("Dilation2DBackpropInput", { x, filter, dy }, attributes),
    filter: () =>
      isRecorded()
        ? pullBack((filter) => dilate(x, filter, attributes), [filter], dy)[0]
        : run("Dilation2DBackpropFilter", { x, filter, dy }, attributes),
  }));
}

/** Dilation made of operations that have gradients of any order. */
function dilate(x: tf.Tensor, filter: tf.Tensor, attributes: Attributes): tf.Tensor {
  const { strides, pad, dilations } = attributes;
  const c: Convolution = fromInfo(tf.backend_util.computeDilation2DInfo(
    ...[
      x.shape as [number, number, number, number],
      filter.shape as [number, number, number],
    ] as const,
    ...[strides, pad, "NHWC", dilations] as const,
  ));
  const taps = tf.unstack(filter.reshape([-1, c.channels]));
  const sums = (outside: number) =>
    takeWindows(x, c, outside).map((window, tap) => window.add(taps[tap]));
  return sumOfLargest(sums(-Infinity), sums(0)).reshape([
    c.batch,
    ...c.output.slice(1),
    c.channels,
  ]);
}
