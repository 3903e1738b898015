/**
 * Repairs of functions of one and two numbers, and of products, on the cpu backend.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { stepsOf } from "../geometry.ts";
import { type CpuCall, fixKernel } from "./cpu_kernel.ts";

/** Repairs functions and products. */
export function fixArithmetic(): void {
  fixFunctions();
  fixIntegers();
  fixProducts();
  fixEinsum();
}

/** Repairs functions of one and two numbers, and connectives of no elements. */
function fixFunctions(): void {
  // tfjs loses a remainder that is rounded to the divisor, and finds none by infinity.
  fixBinary("Mod", (a, b) => {
    const rest = a % b;
    if (rest === 0) return Object.is(a, -0) || b < 0 ? -0 : 0;
    return rest < 0 === b < 0 ? rest : rest + b;
  });
  // As IEEE 754 has it: JavaScript's powers of 1 are NaN where the exponent is not finite.
  fixBinary("Pow", (a, b) => {
    const isOne = a === 1 || (a === -1 && Math.abs(b) === Infinity);
    return isOne ? 1 : a ** b;
  });
  // tfjs adds steps, and their rounding errors with them.
  fixKernel("Range", ({ attributes, result, runStock }) => {
    const { start, dtype } = attributes;
    if (dtype !== "float32" && dtype !== "int32") return runStock();
    const { count, step } = stepsOf(attributes);
    const values = new (dtype === "int32" ? Int32Array : Float32Array)(count);
    return result([count], values.map((_, i) => start + i * step), dtype);
  });
  fixKernel("LinSpace", ({ attributes: { start, stop, num }, result }) => {
    const step = num > 1 ? (stop - start) / (num - 1) : 0;
    return result([num], new Float32Array(num).map((_, i) => start + i * step));
  });
  // tfjs's has an error of 1e-7 everywhere, also near 0.
  fixKernel("Erf", ({ inputs: { x }, valuesOf, result }) => {
    return result(x.shape, Float32Array.from(valuesOf(x), errorFunction));
  });
  fixKernel("All", ({ inputs: { x }, attributes, result, runStock }) => {
    if (tf.util.sizeFromShape(x.shape) > 0) return runStock();
    const axes = tf.util.parseAxisParam(attributes.axis, x.shape);
    const shape = x.shape.flatMap((size, axis) => {
      if (!axes.includes(axis)) return [size];
      return attributes.keepDims ? [1] : [];
    });
    return result(shape, new Uint8Array(tf.util.sizeFromShape(shape)).fill(1), "bool");
  });
}

/** Replaces a function of two numbers. */
function fixBinary(kernelName: string, compute: (a: number, b: number) => number): void {
  fixKernel(kernelName, (call) => combine(call, compute));
}

/** A function of two numbers, which broadcasts and keeps the dtype. */
function combine(call: CpuCall, compute: (a: number, b: number) => number): tf.TensorInfo {
  const { a, b } = call.inputs;
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const [left, right] = [a, b].map((x) =>
    call.valuesOf(x.shape.join() === shape.join() ? x : broadcast(call, x, shape))
  );
  return call.result(shape, left.map((value, i) => compute(value, right[i])), a.dtype);
}

/** Repairs functions of integers, which tfjs computes in floats, and sums of booleans. */
function fixIntegers(): void {
  for (
    const [kernelName, compute] of [
      ["Abs", (x: number) => x < 0 ? -x : x],
      ["Square", (x: number) => Math.imul(x, x)],
    ] as const
  ) {
    fixKernel(
      kernelName,
      ({ inputs: { x }, valuesOf, result, runStock }) =>
        x.dtype === "int32"
          ? result(x.shape, Int32Array.from(valuesOf(x), compute), "int32")
          : runStock(),
    );
  }
  fixKernel("UnsortedSegmentSum", (call) => {
    const { inputs: { x, segmentIds }, attributes: { numSegments }, valuesOf, result } = call;
    if (x.dtype !== "int32") return call.runStock();
    const size = tf.util.sizeFromShape(x.shape.slice(1)), values = valuesOf(x);
    const sums = new Int32Array(numSegments * size);
    valuesOf(segmentIds).forEach((id, row) => {
      if (id < 0 || id >= numSegments) return;
      for (let j = 0; j < size; j++) sums[id * size + j] += values[row * size + j];
    });
    return result([numSegments, ...x.shape.slice(1)], sums, "int32");
  });
}

/** Products of matrices of integers, one after the other, of a batch. */
function multiplyIntegers({ inputs: { a, b }, attributes, valuesOf, result }: CpuCall) {
  const { transposeA, transposeB } = attributes;
  const turn = (sizes: number[], isTurned: boolean) => isTurned ? sizes.reverse() : sizes;
  const [rows, depth] = turn(a.shape.slice(-2), transposeA);
  const columns = turn(b.shape.slice(-2), transposeB)[1];
  const [rowStep, depthStep] = transposeA ? [1, rows] : [depth, 1];
  const [columnStep, stepB] = transposeB ? [depth, 1] : [1, columns];
  const shape = [...a.shape.slice(0, -2), rows, columns], x = valuesOf(a), y = valuesOf(b);
  const products = new Int32Array(tf.util.sizeFromShape(shape));
  products.forEach((_, at) => {
    const matrix = Math.floor(at / rows / columns) * depth;
    const row = Math.floor(at / columns) % rows, column = at % columns;
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      const left = x[matrix * rows + row * rowStep + k * depthStep];
      sum += Math.imul(left, y[matrix * columns + column * columnStep + k * stepB]);
    }
    products[at] = sum;
  });
  return result(shape, products, "int32");
}

/** Coefficients of even powers: those of the quotient by which Eigen computes `erf`. */
const ERF = [
  [-1.60960333262415e-2, -2.95459980854025e-3, -7.34990630326855e-4, -5.69250639462346e-5],
  [-2.10102402082508e-6, 2.77068142495902e-8, -2.72614225801306e-10],
].flat();
const ERF_DIVISOR = [
  ...[-1.42647390514189e-2, -7.37332916720468e-3, -1.68282697438203e-3],
  ...[-2.13374055278905e-4, -1.45660718464996e-5],
];

function errorFunction(x: number): number {
  if (x === 0) return x;
  const z = Math.max(-4, Math.min(4, x));
  const polynomial = (coefficients: number[]) =>
    coefficients.reduceRight((sum, coefficient) => sum * z * z + coefficient, 0);
  return Number.isNaN(x) ? x : z * polynomial(ERF) / polynomial(ERF_DIVISOR);
}

/**
 * Repairs the broadcasting of products and normalisations, and channels that come first.
 *
 * tfjs repeats the elements of the smaller operand in their order in memory, which is right only
 * where its leading axes are those that are missing.
 */
function fixProducts(): void {
  fixKernel("BatchMatMul", (call) => {
    const { a, b } = call.inputs;
    const multiply = (a: tf.TensorInfo, b: tf.TensorInfo) =>
      a.dtype === "int32" && b.dtype === "int32"
        ? multiplyIntegers({ ...call, inputs: { a, b } })
        : call.runStock({ a, b });
    const [batchA, batchB] = [a, b].map(({ shape }) => shape.slice(0, -2));
    if (batchA.join() === batchB.join()) return multiply(a, b);
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
    return multiply(
      broadcast(call, a, [...batch, ...a.shape.slice(-2)]),
      broadcast(call, b, [...batch, ...b.shape.slice(-2)]),
    );
  });
  fixKernel("FusedBatchNorm", (call) => {
    const { x, ...vectors } = call.inputs;
    const isPlain = Object.values(vectors).every((vector) =>
      !vector || isRepeated(vector.shape, x.shape)
    );
    if (isPlain) return call.runStock();
    const whole = Object.entries(vectors).map(([name, vector]) =>
      [name, vector && broadcast(call, vector, x.shape)] as const
    );
    return call.runStock({ x, ...Object.fromEntries(whole) });
  });
  for (const kernelName of ["Add", "Sub", "Multiply"]) {
    fixKernel(kernelName, (call) => {
      if (kernelName === "Multiply" && call.inputs.a.dtype === "int32") {
        return combine(call, Math.imul);
      }
      const { a, b } = call.inputs;
      const rank = Math.max(a.shape.length, b.shape.length);
      const isEven = a.shape.length === b.shape.length;
      if (isEven || (a.dtype !== "complex64" && b.dtype !== "complex64")) return call.runStock();
      // tfjs broadcasts complex numbers along axes of size one only.
      const [wideA, wideB] = [a, b].map((x) =>
        call.run("Reshape", { x }, { shape: [...Array(rank - x.shape.length).fill(1), ...x.shape] })
      );
      return call.runStock({ a: wideA, b: wideB });
    });
  }
  fixKernel("DepthwiseConv2dNative", (call) => {
    const { inputs: { x, filter }, attributes } = call;
    if (attributes.dataFormat !== "NCHW") return call.runStock();
    // tfjs reads channels that come first as if they came last.
    const { pad } = attributes;
    const order = [0, 2, 3, 1];
    const y = call.runStock({ x: call.run("Transpose", { x }, { perm: order }), filter }, {
      ...attributes,
      dataFormat: "NHWC",
      pad: Array.isArray(pad) ? order.map((axis) => pad[axis]) : pad,
    });
    return call.run("Transpose", { x: y }, { perm: [0, 3, 1, 2] });
  });
}

/**
 * Makes Einstein sums right for every equation: tfjs places the axes of an operand by a rank that
 * sums before it have changed, as in `ij,kl->`.
 */
function fixEinsum(): void {
  fixKernel("Einsum", ({ inputs, attributes: { equation }, valuesOf, result, runStock }) => {
    const tensors = Object.values(inputs);
    if (tensors.some(({ dtype }) => dtype === "string" || dtype === "complex64")) return runStock();
    const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(
      equation,
      tensors.length,
    );
    tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as tf.Tensor[]);
    const sizes: number[] = Array(allDims.length).fill(1);
    const operands = tensors.map((tensor, i) => {
      const steps: number[] = Array(allDims.length).fill(0);
      const own = [...tf.util.computeStrides(tensor.shape), 1];
      idDims[i].forEach((dim, axis) => {
        sizes[dim] = tensor.shape[axis];
        steps[dim] += own[axis];
      });
      return { values: valuesOf(tensor), steps, at: 0 };
    });
    // The labels of the result come first.
    const kept = sizes.length - summedDims.length;
    const shape = sizes.slice(0, kept), count = tf.util.sizeFromShape(sizes.slice(kept));
    const places: number[] = Array(sizes.length).fill(0);
    /** Moves all operands to the next place; the last label fastest. */
    const advance = () => {
      for (let dim = sizes.length - 1; dim >= 0; dim--) {
        const isOver = ++places[dim] === sizes[dim];
        const by = isOver ? 1 - sizes[dim] : 1;
        for (const operand of operands) operand.at += by * operand.steps[dim];
        if (!isOver) return;
        places[dim] = 0;
      }
    };
    const isFloat = tensors.some(({ dtype }) => dtype === "float32");
    const multiply = isFloat ? (a: number, b: number) => a * b : Math.imul;
    const sums = new (isFloat ? Float32Array : Int32Array)(tf.util.sizeFromShape(shape));
    for (let i = 0; i < sums.length; i++) {
      let sum = 0;
      for (let j = 0; j < count; j++) {
        sum += operands.reduce((product, { values, at }) => multiply(product, values[at]), 1);
        advance();
      }
      sums[i] = sum;
    }
    return result(shape, sums, isFloat ? "float32" : "int32");
  });
}

/** Whether to broadcast a shape is to repeat its elements in their order in memory. */
export function isRepeated(shape: number[], whole: number[]): boolean {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 || shape.slice(first).join() === whole.slice(first - shape.length).join();
}

/** A tensor repeated to a larger shape. */
function broadcast({ run }: CpuCall, x: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const missing: number[] = Array(shape.length - x.shape.length).fill(1);
  const from = [...missing, ...x.shape];
  const reps = shape.map((size, axis) => from[axis] === size ? 1 : size);
  return run("Tile", { x: run("Reshape", { x }, { shape: from }) }, { reps });
}
