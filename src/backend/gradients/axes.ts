/**
 * Gradients of operations along axes: of those that move elements to fixed places, as copies, slices
 * and paddings do, and of reductions and running sums and products.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { areFloats } from "../kernels/kernel.ts";
import type { StridedSliceAttributes } from "../kernels/moves.ts";
import {
  areNeighbours,
  type Attributes,
  hasKernel,
  isMissing,
  isRecorded,
  keepAxes,
  registerGradient,
  registerGradients,
  reshaped,
  run,
  toFloat,
} from "./gradient.ts";

/** Registers the gradients. */
export function registerAxes(): void {
  registerReductions();
  registerGradient("Reshape", { inputs: ["x"] }, (dy, [x]) => ({ x: () => reshaped(dy, x.shape) }));
  registerGradient("ExpandDims", { inputs: ["input"] }, (dy, [input]) => ({
    input: () => reshaped(dy, input.shape),
  }));
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
  registerGradients("SplitV", { inputs: ["x"] }, (dys, [x], attributes) => ({
    x: () => joinParts(dys, x, attributes),
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
  return reshaped(axes.length > 0 ? reshaped(dy, split).sum(axes) : dy, shape);
}

/** Puts the gradients of a slice with strides back in their places, among zeros. */
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

/** Joins the gradients of the parts of a tensor; the only one is put among zeros. */
function joinParts(dys: tf.Tensor[], x: tf.Tensor, attributes: Attributes): tf.Tensor {
  const [at] = tf.util.parseAxisParam(attributes.axis, x.shape);
  const given = [...dys.keys()].filter((i) => !isMissing(dys, i));
  if (given.length !== 1) return tf.concat(dys, at);
  const sizes = tf.backend_util.prepareSplitSize(x, attributes.numOrSizeSplits, at);
  const before = sizes.slice(0, given[0]).reduce((sum, n) => sum + n, 0);
  const after = x.shape[at] - before - sizes[given[0]];
  return dys[given[0]].pad(x.shape.map((_, axis) => axis === at ? [before, after] : [0, 0]));
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
 * The gradient of an operation that only moves elements: each result's gradient goes back to where
 * the element came from, found by moving the elements' indices in the same way.
 */
function moveBack(
  dy: tf.Tensor,
  shape: number[],
  move: (indices: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const origins = move(tf.range(0, size, 1, "int32").reshape(shape));
  return tf.unsortedSegmentSum(dy.flatten(), origins.flatten().toInt(), size).reshape(shape);
}

function registerReductions(): void {
  for (const kernelName of ["Sum", "Mean"]) {
    registerGradient(kernelName, { inputs: ["x"] }, (dy, [x], attributes) => ({
      x: () => {
        const axes = axesOf(attributes.axis, x);
        const share = kernelName === "Sum" ? dy : dy.div(sizeAlong(axes, x));
        return spread(keepAxes(share, axes, x.shape), x.shape);
      },
    }));
  }
  for (const [kernelName, attribute] of [["Max", "reductionIndices"], ["Min", "axis"]]) {
    registerGradient(kernelName, { inputs: ["x"], results: [true] }, (dy, [x, y], attributes) => ({
      // Elements that share the extreme share its gradient, as in PyTorch's `amax` and `amin`.
      x: () => {
        const axes = axesOf(attributes[attribute], x);
        if (!isRecorded() && areNeighbours(axes) && areFloats(x, y)) {
          if (hasKernel("TrainchartExtremeSlope")) {
            return run("TrainchartExtremeSlope", { dy, x, y }, { axes });
          }
        }
        const isExtreme = x.equal(keepAxes(y, axes, x.shape)).toFloat();
        const share = keepAxes(dy, axes, x.shape).div(isExtreme.sum(axes, true));
        return isExtreme.mul(share);
      },
    }));
  }
  const prod = tf.getGradient("Prod").gradFunc;
  registerGradient("Prod", { inputs: ["x"] }, (dy, [x], attributes) => {
    const axes = axesOf(attributes.axis, x);
    const isOurs = areNeighbours(axes) && x.dtype === "float32" && !isRecorded();
    if (isOurs && hasKernel("TrainchartProdGradient")) {
      return { x: () => run("TrainchartProdGradient", { dy, x }, { axes }) };
    }
    // tfjs refuses an axis that is counted from the end.
    return prod(dy, [toFloat(x)], { ...attributes, axis: axes });
  });
  registerGradient("Cumsum", {}, (dy, _, { axis, exclusive, reverse }) => ({
    x: () => tf.cumsum(dy, axis, exclusive, !reverse),
  }));
  registerGradient("Cumprod", { inputs: ["x"] }, (dy, [x], attributes) => ({
    x: () =>
      hasKernel("TrainchartCumprodGradient") && !isRecorded()
        ? run("TrainchartCumprodGradient", { dy, x: toFloat(x) }, attributes)
        : cumprodSlope(dy, toFloat(x), attributes),
  }));
}

function axesOf(axis: number | number[] | null | undefined, x: tf.Tensor): number[] {
  return tf.util.parseAxisParam(axis ?? x.shape.map((_, i) => i), x.shape);
}

function sizeAlong(axes: number[], x: tf.Tensor): number {
  return tf.util.sizeFromShape(axes.map((axis) => x.shape[axis]));
}

/** `x` repeated to a larger shape of the same rank; a tensor of its own. */
function spread(x: tf.Tensor, shape: number[]): tf.Tensor {
  const isSame = x.shape.every((size, axis) => size === shape[axis]);
  return isSame
    ? reshaped(x, shape)
    : x.tile(shape.map((size, axis) => size / (x.shape[axis] || 1)));
}

/**
 * The gradient of running products, exact where factors are 0.
 *
 * With `y[i] = x[0] … x[i]`, the gradient by `x[k]` is the product before `k` times
 * `s[k] = dy[k] + x[k + 1] s[k + 1]`. The recurrence is solved for all `k` at once by doubling, in
 * as many rounds as the length has bits.
 */
function cumprodSlope(
  dy: tf.Tensor,
  x: tf.Tensor,
  { axis, exclusive, reverse }: Attributes,
): tf.Tensor {
  if (x.size === 0) return tf.zerosLike(x);
  const at = tf.util.parseAxisParam(axis, x.shape)[0];
  const length = x.shape[at];
  const rows = (tensor: tf.Tensor): tf.Tensor2D => {
    const last = tensor.transpose(lastAxis(at, x.rank));
    const ordered = reverse ? last.reverse(-1) : last;
    return ordered.reshape([-1, length]);
  };
  /** Moves the rows to the left, past `by` elements, and fills up with zeros. */
  const ahead = (tensor: tf.Tensor2D, by: number): tf.Tensor2D =>
    tensor.slice([0, by]).pad([[0, 0], [0, by]]);
  const factors = rows(x);
  let total = rows(dy);
  // An exclusive product is the inclusive one before it.
  if (exclusive) total = ahead(total, Math.min(1, length));
  let product = ahead(factors, Math.min(1, length));
  for (let by = 1; by < length; by *= 2) {
    total = total.add(product.mul(ahead(total, by)));
    product = product.mul(ahead(product, by));
  }
  const slopes = tf.cumprod(factors, 1, true).mul(total);
  const shape = lastAxis(at, x.rank).map((axis) => x.shape[axis]);
  const ordered = reverse ? slopes.reverse(1) : slopes;
  return ordered.reshape(shape).transpose(tf.backend_util.getUndoAxesPermutation(
    lastAxis(at, x.rank),
  ));
}

/** The order of axes with one of them at the end. */
function lastAxis(axis: number, rank: number): number[] {
  return [...Array(rank).keys()].filter((i) => i !== axis).concat(axis);
}
