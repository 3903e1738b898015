/**
 * Products of matrices, and Einstein summation as such products.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { einsum } from "../gradients/arithmetic.ts";
import {
  ACTIVATIONS,
  areFloats,
  copy,
  type Inputs,
  type KernelTable,
  layoutOf,
  sizeOf,
} from "./kernel.ts";

interface MatMulAttributes {
  transposeA: boolean;
  transposeB: boolean;
  activation?: string;
  leakyreluAlpha?: number;
  /** Whether b is a batch of copies of one matrix. */
  isTiled?: boolean;
}

/**
 * `activation(a b + bias)` of all pairs of matrices; the bias is `[columns]`, or missing.
 *
 * @param isTiled Whether all matrices of b are the first one.
 */
export function multiply(
  heap: KernelHeap,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
  bias?: tf.TensorInfo,
  activation = 0,
  isTiled = false,
): tf.TensorInfo {
  const [rows, depth] = matrixOf(a.shape, transposeA);
  const [depthB, columns] = matrixOf(b.shape, transposeB);
  if (depth !== depthB || a.shape.length < 2 || b.shape.length < 2) {
    throw new TypeError(
      `Cannot multiply as inner sizes must be equal: shapes are [${a.shape}]${
        transposeA ? " transposed" : ""
      } and [${b.shape}]${transposeB ? " transposed" : ""}`,
    );
  }
  // Most products are of two matrices: no shapes of batches are made for them.
  const areTwo = a.shape.length === 2 && b.shape.length === 2;
  const outerA = areTwo ? NO_BATCH : a.shape.slice(0, -2);
  const outerB = areTwo || isTiled ? NO_BATCH : b.shape.slice(0, -2);
  const outer = areTwo ? NO_BATCH : tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const batch = sizeOf(outer);
  // A product with one vector adds its parts in doubles.
  const isVector = columns === 1 && !transposeA && batch === 1 && !heap.native;
  if (depth > LONG && !isVector) {
    return multiplyInParts(a, b, transposeA, transposeB, bias, activation);
  }
  const result = heap.output([...outer, rows, columns]);
  const from = heap.at(a), other = heap.at(b), to = heap.at(result);
  const offset = bias ? heap.at(bias) : 0, scratch = heap.scratch();
  const flagA = Number(transposeA), flagB = Number(transposeB);
  // The rows of a batch of matrices are those of one, if the other operand is the same for all.
  const isJoint = !transposeA && sizeOf(outerB) === 1 && sizeOf(outerA) === batch;
  const count = isJoint ? 1 : batch, height = isJoint ? rows * batch : rows;
  const work = height * columns * depth;
  const nextA = nextOf(outerA, batch), nextB = nextOf(outerB, batch);
  if (count > 1 && work < SMALL && nextA !== undefined && nextB !== undefined) {
    const args = [
      ...[from, other, to, rows, columns, depth, 0, count, nextA * rows * depth],
      ...[nextB * depth * columns, flagA, flagB, offset, activation, scratch],
    ];
    heap.run("gemmBatch", args, { argument: 6, multiple: 1, work: work * count });
    return result;
  }
  const widthA = a.shape.at(-1)!, widthB = b.shape.at(-1)!;
  // Each thread packs the smaller operand.
  const split = height >= columns
    ? { argument: 6, multiple: 4, work }
    : { argument: 8, multiple: 8, work };
  const pickA = picker(outerA, outer), pickB = picker(outerB, outer);
  for (let i = 0; i < count; i++) {
    const fromA = from + pickA(i) * rows * depth * 4,
      fromB = other + pickB(i) * depth * columns * 4;
    const args = [
      ...[fromA, fromB, to + i * rows * columns * 4, height, columns, depth, 0, height, 0, columns],
      ...[flagA, flagB, widthA, widthB, offset, activation, scratch],
    ];
    heap.run("gemm", args, split);
  }
  return result;
}

/** The shape of a batch of one matrix. */
const NO_BATCH: number[] = [];

/** Multiply-adds below which a product is not split between threads, but those of a batch are. */
const SMALL = 2 ** 22;

/** Number of matrices from one product to the next: 1, 0 if one serves all, else `undefined`. */
function nextOf(shape: number[], batch: number): number | undefined {
  const size = sizeOf(shape);
  return size === batch ? 1 : size === 1 ? 0 : undefined;
}

/** Depth of a product whose sums are made in floats. */
const LONG = 2 ** 15;

/** A product whose long sums are made in parts, and the sums of those in doubles. */
function multiplyInParts(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
  bias?: tf.TensorInfo,
  activation = 0,
): tf.TensorInfo {
  const [x, y] = [a, b] as tf.Tensor[];
  const axisA = a.shape.length - (transposeA ? 2 : 1),
    axisB = b.shape.length - (transposeB ? 1 : 2);
  const depth = a.shape[axisA];
  const name = Object.keys(ACTIVATIONS).find((name) => ACTIVATIONS[name] === activation)!;
  return tf.tidy(() => {
    const parts: tf.Tensor[] = [];
    for (let k = 0; k < depth; k += LONG) {
      const some = Math.min(LONG, depth - k);
      const [left, right] = [[x, axisA], [y, axisB]].map(([tensor, axis]) => {
        const { shape } = tensor as tf.Tensor;
        return tf.slice(
          tensor as tf.Tensor,
          shape.map((_, i) => i === axis ? k : 0),
          shape.map((n, i) => i === axis ? some : n),
        );
      });
      parts.push(tf.matMul(left, right, transposeA, transposeB));
    }
    return addAndActivate(tf.sum(tf.stack(parts), 0), bias, name);
  });
}

/** Rows and columns of a matrix after it is transposed. */
function matrixOf(shape: number[], transpose: boolean): [number, number] {
  const rows = shape.at(-2)!, columns = shape.at(-1)!;
  return transpose ? [columns, rows] : [rows, columns];
}

/** Returns the index of the operand's matrix that belongs to the i-th result, under broadcasting. */
function picker(shape: number[], outer: number[]): (i: number) => number {
  const size = sizeOf(shape);
  if (size === sizeOf(outer)) return (i) => i;
  if (size === 1) return () => 0;
  const padded = [...outer.slice(shape.length).fill(1), ...shape];
  return (i) => {
    let index = 0, step = 1;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const place = i % outer[axis];
      i = (i - place) / outer[axis];
      if (padded[axis] > 1) index += place * step;
      step *= padded[axis];
    }
    return index;
  };
}

/** The products of all pairs of matrices of integers. */
function multiplyIntegers(
  heap: KernelHeap,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: MatMulAttributes,
): tf.TensorInfo {
  const { assertAndGetBroadcastShape } = tf.broadcast_util;
  const outer = assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [left, right] = [turned(heap, a, transposeA), turned(heap, b, transposeB)];
  const [rows, depth] = left.shape.slice(-2), columns = right.shape.at(-1)!;
  const result = heap.output([...outer, rows, columns], "int32");
  const pickA = picker(a.shape.slice(0, -2), outer), pickB = picker(b.shape.slice(0, -2), outer);
  const [fromA, fromB, to] = [left, right, result].map((tensor) => heap.at(tensor));
  for (let i = 0; i < sizeOf(outer); i++) {
    const addresses = [fromA + pickA(i) * rows * depth * 4, fromB + pickB(i) * depth * columns * 4];
    const args = [...addresses, to + i * rows * columns * 4, 0, rows, columns, depth];
    const split = { argument: 3, multiple: 4, work: rows * columns * depth };
    heap.run("multiplyIntegers", [...args, heap.scratch()], split);
  }
  for (const tensor of [left, right]) heap.backend.disposeData(tensor.dataId);
  return result;
}

/** A tensor with or without the last two axes exchanged; it has to be disposed. */
function turned(heap: KernelHeap, x: tf.TensorInfo, isTurned: boolean): tf.TensorInfo {
  if (!isTurned) return heap.alias(x);
  const [rows, columns] = x.shape.slice(-2);
  const result = heap.output([...x.shape.slice(0, -2), columns, rows], x.dtype);
  const to = layoutOf(heap, result);
  const strides = [...to.strides.slice(0, -2), 1, rows];
  copy(heap, x.shape, layoutOf(heap, x), { ...to, strides }, x.dtype);
  return result;
}

function batchMatMul(heap: KernelHeap, { a, b }: Inputs, attributes: MatMulAttributes) {
  if (a.dtype === "int32" && b.dtype === "int32") return multiplyIntegers(heap, a, b, attributes);
  if (!areFloats(a, b)) return;
  const { transposeA, transposeB, isTiled } = attributes;
  return multiply(heap, a, b, transposeA, transposeB, undefined, 0, isTiled);
}

function fusedMatMul(heap: KernelHeap, inputs: Inputs, attributes: MatMulAttributes) {
  const { a, b, bias, preluActivationWeights: alpha } = inputs;
  if (!areFloats(a, b)) return;
  const { transposeA, transposeB, activation = "linear", leakyreluAlpha } = attributes;
  const columns = matrixOf(b.shape, transposeB)[1];
  const code = ACTIVATIONS[activation];
  const plain = !bias || (sizeOf(bias.shape) === columns && bias.shape.at(-1) === columns);
  if (plain && code !== undefined) {
    return multiply(heap, a, b, transposeA, transposeB, bias, code);
  }
  const product = multiply(heap, a, b, transposeA, transposeB, plain ? bias : undefined);
  return finish(product, plain ? undefined : bias, activation, alpha, leakyreluAlpha);
}

/** Kernels of activations, by the names that fused operations use. */
const ACTIVATION_KERNELS: Record<string, string> = {
  relu: "Relu",
  relu6: "Relu6",
  elu: "Elu",
  sigmoid: "Sigmoid",
  prelu: "Prelu",
  leakyrelu: "LeakyRelu",
};

/** Adds a bias and applies an activation, each by its own kernel. */
function addAndActivate(
  x: tf.Tensor,
  bias: tf.TensorInfo | undefined,
  activation: string,
  alpha?: tf.TensorInfo,
  leakyreluAlpha?: number,
): tf.Tensor {
  const engine = tf.engine();
  const y: tf.Tensor = bias ? engine.runKernel("Add", { a: x, b: bias as tf.Tensor }) : x;
  if (activation === "linear") return y;
  const inputs: tf.NamedTensorMap = activation === "prelu"
    ? { x: y, alpha: alpha as tf.Tensor }
    : { x: y };
  return engine.runKernel(ACTIVATION_KERNELS[activation], inputs, { alpha: leakyreluAlpha ?? 0.2 });
}

/** Adds a bias and applies an activation, each by its own kernel; disposes `x`. */
export function finish(
  x: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  activation: string,
  alpha?: tf.TensorInfo,
  leakyreluAlpha?: number,
): tf.Tensor {
  return tf.tidy(() => {
    const y = tf.engine().makeTensorFromTensorInfo(x);
    return addAndActivate(y, bias, activation, alpha, leakyreluAlpha);
  });
}

/** A dense layer: `activation(a b + bias)`. */
function dense(heap: KernelHeap, { a, b, bias }: Inputs, { activation }: { activation: string }) {
  return multiply(heap, a, b, false, false, bias, ACTIVATIONS[activation]);
}

function einsumKernel(_: KernelHeap, inputs: Inputs, attributes: { equation: string }) {
  return tf.tidy(() => computeEinsum(inputs, attributes));
}

function computeEinsum(inputs: Inputs, { equation }: { equation: string }): tf.Tensor {
  const tensors = (Object.values(inputs) as tf.Tensor[]).map((tensor) =>
    tensor.dtype === "bool" ? tensor.toInt() : tensor
  );
  // Throws for equations that it does not know, and for those that do not fit the tensors.
  const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, tensors.length);
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors);
  return einsum(equation, tensors);
}

/** The kernels of products. */
export const MATMUL_KERNELS: KernelTable = {
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  Einsum: einsumKernel,
  TrainchartDense: dense,
};
