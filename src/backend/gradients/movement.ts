/**
 * Gradients of operations that move elements to fixed places: copies, slices, paddings, mirrors.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { registerGradient, run } from "./gradient.ts";
import type { StridedSliceAttributes } from "../kernels/moves.ts";

/** Registers the gradients. */
export function registerMovement(): void {
  registerGradient("Tile", { inputs: ["x"] }, (dy, [x], { reps }) => ({
    x: () => sumOfCopies(dy, x.shape, reps),
  }));
  registerGradient("StridedSlice", { inputs: ["x"] }, (dy, [x], attributes) => ({
    x: () => unslice(dy, x, attributes),
  }));
  registerGradient("MirrorPad", { inputs: ["x"] }, (dy, [x], attributes) => ({
    x: () => moveBack(dy, x.shape, (indices) => run("MirrorPad", { x: indices }, attributes)),
  }));
  registerGradient("Diag", { inputs: ["x"] }, (dy, [x]) => ({
    x: () => dy.reshape([-1]).stridedSlice([0], [x.size ** 2], [x.size + 1]).reshape(x.shape),
  }));
  registerGradient("DepthToSpace", { inputs: ["x"] }, (dy, [x], attributes) => ({
    x: () => spaceToDepth(dy, x.shape, attributes.blockSize, attributes.dataFormat),
  }));
}

/** The sum over the copies of a tiled tensor: one reshape, one sum. */
function sumOfCopies(dy: tf.Tensor, shape: number[], reps: number[]): tf.Tensor {
  const split: number[] = [], axes: number[] = [];
  let isApart = true;
  shape.forEach((size, axis) => {
    if (reps[axis] !== 1) {
      axes.push(split.length);
      split.push(reps[axis]);
      isApart = true;
    }
    // Neighbouring axes stay together, so that few are left.
    if (isApart) split.push(size);
    else split[split.length - 1] *= size;
    isApart = false;
  });
  return (axes.length > 0 ? dy.reshape(split).sum(axes) : dy).reshape(shape);
}

/** Puts the slopes of a slice with strides back in their places, among zeros. */
function unslice(dy: tf.Tensor, { shape }: tf.Tensor, a: StridedSliceAttributes): tf.Tensor {
  const { begin, end, strides } = tf.slice_util.sliceInfo(
    ...[shape, a.begin, a.end, a.strides, a.beginMask, a.endMask] as const,
    ...[a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask] as const,
  );
  if (dy.size === 0) return tf.zeros(shape);
  const counts = tf.slice_util.computeOutShape(begin, end, strides);
  const backwards = strides.flatMap((stride, axis) => stride < 0 ? [axis] : []);
  let slopes = dy.reshape(counts);
  if (backwards.length > 0) slopes = slopes.reverse(backwards);
  shape.forEach((size, axis) => {
    const count = counts[axis], step = Math.abs(strides[axis]);
    if (count === size) return;
    const first = strides[axis] < 0 ? begin[axis] - step * (count - 1) : begin[axis];
    const before = tf.util.sizeFromShape(shape.slice(0, axis));
    const after = tf.util.sizeFromShape(counts.slice(axis + 1));
    const room = size - first, length = count * step;
    let places = slopes.reshape([before * count, 1, after]);
    if (step > 1) places = places.pad([[0, 0], [0, step - 1], [0, 0]]);
    places = places.reshape([before, length, after]);
    if (length > room) places = places.slice([0, 0, 0], [before, room, after]);
    slopes = first === 0 && length >= room
      ? places
      : places.pad([[0, 0], [first, Math.max(0, room - length)], [0, 0]]);
  });
  return slopes.reshape(shape);
}

/** The inverse of `tf.depthToSpace`. */
function spaceToDepth(
  dy: tf.Tensor,
  shape: number[],
  block: number,
  dataFormat: "NHWC" | "NCHW",
): tf.Tensor {
  if (dataFormat === "NCHW") {
    const [batch, channels, height, width] = shape;
    const depth = channels / block ** 2;
    return dy.reshape([batch * depth, height, block, width, block]).transpose([0, 2, 4, 1, 3])
      .reshape([batch, depth, block ** 2, height * width]).transpose([0, 2, 1, 3]).reshape(shape);
  }
  const [batch, height, width, channels] = shape;
  return dy.reshape([batch * height, block, width, block * channels / block ** 2])
    .transpose([0, 2, 1, 3]).reshape(shape);
}

/**
 * The gradient of an operation that only moves elements: each result's slope goes back to where the
 * element came from, found by moving the elements' indices in the same way.
 */
export function moveBack(
  dy: tf.Tensor,
  shape: number[],
  move: (indices: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const origins = move(tf.range(0, size, 1, "int32").reshape(shape));
  return tf.unsortedSegmentSum(dy.flatten(), origins.flatten().toInt(), size).reshape(shape);
}
