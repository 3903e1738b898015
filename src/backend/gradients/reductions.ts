/**
 * Gradients of reductions and of running sums and products.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { areFloats } from "../kernels/kernel.ts";
import {
  areNeighbours,
  type Attributes,
  hasKernel,
  isRecorded,
  keepAxes,
  registerGradient,
  run,
  toFloat,
} from "./gradient.ts";

/** Registers the gradients. */
export function registerReductions(): void {
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
      // Elements that share the extreme share its slope, as in PyTorch's `amax` and `amin`.
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
    // tfjs refuses an axis that is counted from the end.
    return prod(dy, [toFloat(x)], { ...attributes, axis: axesOf(attributes.axis, x) });
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
  return isSame ? x.clone() : x.tile(shape.map((size, axis) => size / (x.shape[axis] || 1)));
}

/**
 * The slope of running products, exact where factors are 0.
 *
 * With `y[i] = x[0] … x[i]`, the slope by `x[k]` is the product before `k` times
 * `s[k] = dy[k] + x[k + 1] s[k + 1]`. The recurrence is solved for all `k` at once by doubling, in
 * as many rounds as the length has bits.
 */
function cumprodSlope(
  dy: tf.Tensor,
  x: tf.Tensor,
  { axis, exclusive, reverse }: Attributes,
): tf.Tensor {
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
