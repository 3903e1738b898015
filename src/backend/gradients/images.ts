/**
 * Gradients of operations on images: resizing, cropping, rotating, transforming, dilating.
 *
 * Where a gradient is differentiated itself, images are read at places between pixels by operations
 * that have gradients: by the pixels and by the places.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Convolution, fromInfo } from "../geometry.ts";
import { type Attributes, flat, isRecorded, pullBack, registerGradient, run } from "./gradient.ts";
import { sumOfLargest, takeWindows } from "./convolutions.ts";

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

/** Moves the gradients of rotated pixels back to where the pixels came from. */
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

/** Where a result is read: fractions of rows and columns, `[samples, height, width]`. */
interface Places {
  y: tf.Tensor;
  x: tf.Tensor;
  /** The image of each sample, `[samples]`. */
  image: tf.Tensor;
}

/** The operation `tf.image.cropAndResize`, made of operations that have gradients. */
function cropAndResize(
  image: tf.Tensor,
  boxes: tf.Tensor,
  indices: tf.Tensor,
  { cropSize, method, extrapolationValue }: Attributes,
): tf.Tensor {
  const [batch, height, width] = image.shape;
  const [count] = boxes.shape;
  const [y1, x1, y2, x2] = tf.split(boxes, 4, 1);
  const along = (from: tf.Tensor, to: tf.Tensor, size: number, length: number): tf.Tensor => {
    if (size === 1) return from.add(to).mul(0.5 * (length - 1));
    const steps = tf.range(0, size).div(size - 1).reshape([1, size]);
    return from.add(to.sub(from).mul(steps)).mul(length - 1);
  };
  const y = along(y1, y2, cropSize[0], height).reshape([count, cropSize[0], 1]);
  const x = along(x1, x2, cropSize[1], width).reshape([count, 1, cropSize[1]]);
  const shape: number[] = [count, ...cropSize];
  const isInside = isWithin(y, 0, height - 1).logicalAnd(isWithin(x, 0, width - 1))
    .reshape([...shape, 1]);
  const places = {
    y: y.clipByValue(0, height - 1).broadcastTo(shape),
    x: x.clipByValue(0, width - 1).broadcastTo(shape),
    image: indices.minimum(tf.scalar(batch - 1, "int32")),
  };
  const values = sample(image, places, method, extrapolationValue);
  // A box of an image that there is not stays empty.
  const isThere = indices.less(batch).toFloat().reshape([count, 1, 1, 1]);
  return tf.where(isInside, values, extrapolationValue).mul(isThere);
}

/** The operation `tf.image.transform`, made of operations that have gradients. */
function transform(
  image: tf.Tensor,
  transforms: tf.Tensor,
  { interpolation, fillMode, fillValue, outputShape }: Attributes,
): tf.Tensor {
  const [batch, imageHeight, imageWidth] = image.shape;
  const [height, width]: number[] = outputShape ?? [imageHeight, imageWidth];
  const t = tf.split(transforms, 8, 1).map((column) => column.reshape([-1, 1, 1]));
  const row = tf.range(0, height).reshape([1, height, 1]);
  const column = tf.range(0, width).reshape([1, 1, width]);
  const plane = (x: tf.Tensor, y: tf.Tensor, z: tf.Tensor | number) =>
    x.mul(column).add(y.mul(row)).add(z);
  const projection = plane(t[6], t[7], 1);
  const isFinite = projection.notEqual(0);
  const divisor = tf.where(isFinite, projection, 1);
  const shape = [batch, height, width];
  const at = (x: tf.Tensor, y: tf.Tensor, z: tf.Tensor, length: number) =>
    fold(plane(x, y, z).div(divisor), length, fillMode).broadcastTo(shape);
  const places = {
    x: at(t[0], t[1], t[2], imageWidth),
    y: at(t[3], t[4], t[5], imageHeight),
    image: tf.range(0, batch, 1, "int32"),
  };
  const values = sample(image, places, interpolation, fillValue);
  return tf.where(isFinite.reshape([...isFinite.shape, 1]), values, fillValue);
}

/** Reads the nearest pixel, or the four around a place; outside of the image, reads `fill`. */
function sample(image: tf.Tensor, { y, x, image: which }: Places, method: string, fill: number) {
  const [batch, height, width, channels] = image.shape;
  const pixels = image.reshape([batch * height * width, channels]);
  const read = (row: tf.Tensor, column: tf.Tensor): tf.Tensor => {
    const isInside = isWithin(row, 0, height - 1).logicalAnd(isWithin(column, 0, width - 1));
    const inRow = row.clipByValue(0, height - 1).toInt();
    const inColumn = column.clipByValue(0, width - 1).toInt();
    const first = which.reshape([-1, 1, 1]).mul(tf.scalar(height, "int32"));
    const places = first.add(inRow).mul(tf.scalar(width, "int32")).add(inColumn);
    return tf.where(isInside.expandDims(-1), pixels.gather(places), fill);
  };
  if (method === "nearest") return read(y.add(0.5).floor(), x.add(0.5).floor());
  const top = y.floor(), left = x.floor();
  const down = y.sub(top).expandDims(-1), right = x.sub(left).expandDims(-1);
  const mix = (a: tf.Tensor, b: tf.Tensor, share: tf.Tensor) => a.add(b.sub(a).mul(share));
  return mix(
    mix(read(top, left), read(top, left.add(1)), right),
    mix(read(top.add(1), left), read(top.add(1), left.add(1)), right),
    down,
  );
}

function isWithin(x: tf.Tensor, low: number, high: number): tf.Tensor {
  return x.greaterEqual(low).logicalAnd(x.lessEqual(high));
}

/** Takes places beyond the edges back into the image, as `fillMode` says. */
function fold(place: tf.Tensor, length: number, fillMode: string): tf.Tensor {
  if (fillMode === "constant") return place;
  if (fillMode === "nearest") return place.clipByValue(0, length - 1);
  if (length <= 1) return place.mul(0);
  const truncate = (x: tf.Tensor) => tf.where(x.less(0), x.ceil(), x.floor());
  let below: tf.Tensor, above: tf.Tensor;
  if (fillMode === "wrap") {
    below = place.add(truncate(place.neg().div(length - 1)).add(1).mul(length));
    above = place.sub(truncate(place.div(length - 1)).mul(length));
  } else {
    const period = 2 * length;
    const moved = place.add(truncate(place.neg().div(period)).mul(period));
    below = tf.where(moved.less(-length), moved.add(period), moved.neg().sub(1));
    const back = place.sub(truncate(place.div(period)).mul(period));
    above = tf.where(back.greaterEqual(length), back.neg().add(period - 1), back);
  }
  const folded = tf.where(place.less(0), below, tf.where(place.greater(length - 1), above, place));
  return folded.clipByValue(0, length - 1);
}
