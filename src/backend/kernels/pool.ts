/**
 * Pooling and its gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  fromInfo,
  pointsOf,
  type WindowAttributes,
  windowTable,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { poolNatively } from "../native/native_kernels.ts";
import { resultShape } from "./convolution.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

interface Attributes extends WindowAttributes {
  filterSize: number | number[];
}

/** Values of `operation` in `assembly/pool.ts`. */
const MAXIMUM = 0, AVERAGE = 1, MAXIMUM_GRADIENT = 2, AVERAGE_GRADIENT = 3;

/** Operations that a native library computes: it hides NaN among the pixels of a maximum. */
const NATIVE = [undefined, "average", "maximumGradient", "averageGradient"] as const;

function geometry(shape: number[], attributes: Attributes): Convolution {
  const { filterSize, strides, pad, dimRoundingMode, dilations = 1 } = attributes;
  const rest = [filterSize, strides, dilations, pad, dimRoundingMode] as unknown as [
    number,
    number,
    number,
    "same",
  ];
  return fromInfo(
    shape.length === 5
      ? tf.backend_util.computePool3DInfo(
        shape as [number, number, number, number, number],
        ...rest,
      )
      : tf.backend_util.computePool2DInfo(shape as [number, number, number, number], ...rest),
  );
}

/** Runs the kernel; `y` is the result or, in gradients, its gradient. */
function run(
  heap: KernelHeap,
  operation: number,
  c: Convolution,
  x: number,
  y: tf.TensorInfo,
  dx = 0,
): void {
  const native = NATIVE[operation];
  if (native && poolNatively(heap, native, c, x, heap.at(y), dx)) return;
  // Scratch memory holds the addresses of a window's pixels.
  const bytes = sizeOf(c.filter) * 4;
  const scratch = heap.scratch(0, bytes > 2 ** 20 ? bytes : 0);
  const args = [heap.table(windowTable(c)), operation, x, heap.at(y), dx, 0, c.batch, scratch];
  const work = pointsOf(c) * c.channels * sizeOf(c.filter);
  heap.run("pool", args, { argument: 5, multiple: 1, work });
}

/** Whether tfjs takes the windows for the pixels, although padding may have moved them. */
function isIdentity(c: Convolution): boolean {
  return c.filter.every((n) => n === 1) && c.input.every((n, axis) => n === c.output[axis]);
}

function forward(operation: number): Kernel {
  return function pool(heap: KernelHeap, { x }: Inputs, attributes: Attributes) {
    if (!areFloats(x) || attributes.dataFormat === "NCDHW") return;
    const c = geometry(x.shape, attributes);
    if (isIdentity(c)) return heap.alias(x);
    const result = heap.output(resultShape(c, x.shape.length, c.channels));
    run(heap, operation, c, heap.at(x), result);
    return result;
  };
}

function backward(operation: number): Kernel {
  return function poolGradient(heap: KernelHeap, { dy, input }: Inputs, attributes: Attributes) {
    if (!areFloats(dy, input)) return;
    const c = geometry(input.shape, attributes);
    const shape = resultShape(c, input.shape.length, c.channels);
    if (shape.join() !== dy.shape.join()) {
      throw new TypeError(
        `Cannot compute the gradient of a pooling as dy must have the shape [${shape}] of its ` +
          `results: current value is [${dy.shape}]`,
      );
    }
    if (isIdentity(c)) return heap.alias(dy);
    const result = heap.output(input.shape);
    run(heap, operation, c, heap.at(input), dy, heap.at(result));
    return result;
  };
}

/** The kernels of pooling. */
export const POOL_KERNELS: KernelTable = {
  MaxPool: forward(MAXIMUM),
  MaxPool3D: forward(MAXIMUM),
  MaxPoolGrad: backward(MAXIMUM_GRADIENT),
  MaxPool3DGrad: backward(MAXIMUM_GRADIENT),
  AvgPool: forward(AVERAGE),
  AvgPool3D: forward(AVERAGE),
  AvgPoolGrad: backward(AVERAGE_GRADIENT),
  AvgPool3DGrad: backward(AVERAGE_GRADIENT),
};
