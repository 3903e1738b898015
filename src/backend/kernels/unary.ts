/**
 * Functions of one number and their gradients, and other passes over memory: gradients of
 * activations, sums of segments, sequences.
 *
 * @module
 */
import { type FunctionName, numberOf, SELU } from "../kernel_constants.ts";
import { type RangeAttributes, stepsOf } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  ACTIVATIONS,
  areFloats,
  type Inputs,
  type Kernel,
  type KernelTable,
  sizeOf,
} from "./kernel.ts";
import { tf } from "../../deps/tfjs.ts";

/** The name of a function. */
export type Unary = FunctionName<"unary_functions">;

/** Functions that take longer than to read and write a number, in multiply-adds. */
const WORK: Partial<Record<Unary, number>> = {
  ...{ EXP: 12, EXPM1: 16, LOG: 16, LOG1P: 20, SIGMOID: 16, TANH: 20, SOFTPLUS: 30, ERF: 20 },
  ...{ TAN: 40, ASIN: 16, ACOS: 16, ATAN: 20, SINH: 20, COSH: 20, ASINH: 30, ACOSH: 30, ATANH: 30 },
  ...{ ELU: 16, SWISH: 20, MISH: 50, GELU: 32, GELU_TANH: 32, SIN: 32, COS: 32 },
};

const CLIP_INTEGERS = numberOf("unary_functions", "CLIP_INTEGERS");

/** Whether the integer part of a number is that of a float. */
function isExact(x: number): boolean {
  return Math.trunc(Math.fround(x)) === Math.trunc(x);
}

/** The sign bit alone. */
const SIGN = { p: -0 };

/** Parameters of a function. */
export interface Parameters {
  p?: number;
  q?: number;
}

/**
 * A kernel that computes a function of each element.
 *
 * @param name Its name for floats.
 * @param parametersOf Its parameters.
 * @param ofIntegers Its name for integers, whose parameters have the same values. Default: integers
 *   are left to tfjs.
 */
function unary(
  name: Unary,
  // deno-lint-ignore no-explicit-any
  parametersOf: (attributes: any) => Parameters = () => ({}),
  ofIntegers?: Unary,
): Kernel {
  const f = numberOf("unary_functions", name), work = WORK[name] ?? 2;
  const g = ofIntegers && numberOf("unary_functions", ofIntegers);
  return function mapElements(heap: KernelHeap, { x }: Inputs, attributes) {
    const number = areFloats(x) ? f : x.dtype === "int32" ? g : undefined;
    if (number === undefined) return;
    const { p = 0, q = 0 } = parametersOf(attributes);
    // Integers are clipped at floats: these must be the same numbers.
    if (number === CLIP_INTEGERS && !(isExact(p) && isExact(q))) return;
    const y = heap.output(x.shape, x.dtype), size = sizeOf(x.shape);
    const args = [number, heap.at(x), heap.at(y), 0, size, p, q, heap.scratch()];
    heap.run("unary", args, { argument: 3, multiple: 4, work: size * work });
    return y;
  };
}

/** Attributes of the kernels that compute any function, or its gradient. */
export interface UnaryAttributes extends Parameters {
  f: Unary;
}

/** A function that tfjs has no kernel for. */
const activation: Kernel = (heap, inputs, attributes: UnaryAttributes, stock) =>
  unary(attributes.f, () => attributes)(heap, inputs, attributes, stock);

/**
 * The gradient of a function times `dy`, from `s`: its result or, for some functions, its input.
 */
function unarySlope(heap: KernelHeap, { dy, s }: Inputs, { f, p = 0, q = 0 }: UnaryAttributes) {
  const dx = heap.output(s.shape), size = sizeOf(s.shape);
  const number = numberOf("unary_functions", f);
  const args = [number, heap.at(dy), heap.at(s), heap.at(dx), 0, size, p, q, heap.scratch()];
  heap.run("unarySlope", args, { argument: 4, multiple: 4, work: size * (WORK[f] ?? 3) });
  return dx;
}

const clipBelow = (limit: number): Kernel => {
  const ofFloats = unary("RELU", () => ({ p: limit }));
  const ofIntegers = unary("CLIP", () => ({ p: 0, q: limit }), "CLIP_INTEGERS");
  return (heap, inputs, attributes, stock) =>
    (areFloats(inputs.x) ? ofFloats : ofIntegers)(heap, inputs, attributes, stock);
};

/** The kernels of functions of one number. */
export const UNARY_KERNELS: KernelTable = {
  Abs: unary("ABS", () => SIGN, "ABS_INTEGERS"),
  Acos: unary("ACOS"),
  Acosh: unary("ACOSH"),
  Asin: unary("ASIN"),
  Asinh: unary("ASINH"),
  Atan: unary("ATAN"),
  Atanh: unary("ATANH"),
  Ceil: unary("CEIL"),
  ClipByValue: unary(
    "CLIP",
    (a) => ({ p: a.clipValueMin, q: a.clipValueMax }),
    "CLIP_INTEGERS",
  ),
  Cos: unary("COS"),
  Cosh: unary("COSH"),
  Elu: unary("ELU", () => ({ p: 1, q: 1 })),
  Erf: unary("ERF"),
  Exp: unary("EXP"),
  Expm1: unary("EXPM1"),
  Floor: unary("FLOOR"),
  LeakyRelu: unary("LEAKY_RELU", ({ alpha }) => ({ p: alpha })),
  Log: unary("LOG"),
  Log1p: unary("LOG1P"),
  Neg: unary("NEG", () => SIGN, "NEG_INTEGERS"),
  Reciprocal: unary("RECIPROCAL"),
  // tfjs's kernels make NaN a number.
  Relu: clipBelow(Infinity),
  Relu6: clipBelow(6),
  Round: unary("ROUND"),
  Rsqrt: unary("RSQRT"),
  Selu: unary("ELU", () => SELU),
  Sigmoid: unary("SIGMOID"),
  Sign: unary("SIGN", () => ({}), "SIGN_INTEGERS"),
  Sin: unary("SIN"),
  Sinh: unary("SINH"),
  Softplus: unary("SOFTPLUS"),
  Sqrt: unary("SQRT"),
  Square: unary("SQUARE", () => ({}), "SQUARE_INTEGERS"),
  Step: unary("STEP", ({ alpha }) => ({ p: alpha })),
  Tan: unary("TAN"),
  Tanh: unary("TANH"),
  TrainchartActivation: activation,
  TrainchartUnarySlope: unarySlope,
};

/** Another tensor of the same elements: tfjs counts references, so no copy is needed. */
function identity(heap: KernelHeap, { x }: Inputs) {
  return x.dtype === "string" ? undefined : heap.alias(x);
}

/** Complex numbers under another shape; tfjs's kernel takes all others. */
function reshape(heap: KernelHeap, { x }: Inputs, { shape }: { shape: number[] }) {
  if (x.dtype !== "complex64") return;
  return heap.alias(x, tf.util.inferFromImplicitShape(shape, sizeOf(x.shape)));
}

/** `dy` where the activation's result `y` says that its gradient is one, else zero. */
function activationGradient(
  heap: KernelHeap,
  { dy, y }: Inputs,
  { activation }: { activation: string },
) {
  const result = heap.output(y.shape);
  const [from, at, to] = [dy, y, result].map((tensor) => heap.at(tensor));
  const size = sizeOf(y.shape);
  const args = [from, at, to, 0, size, ACTIVATIONS[activation]!, heap.scratch()];
  heap.run("activationGradient", args, { argument: 3, multiple: 4, work: size * 2 });
  return result;
}

/** Rows of a stripe, as in the kernel. */
const STRIPE = 512;

/** The gradients of an activation's input and of the bias before it. */
function activationAndBiasGradient(
  heap: KernelHeap,
  { dy, y }: Inputs,
  { activation }: { activation: string },
) {
  const columns = y.shape.at(-1)!;
  const rows = sizeOf(y.shape) / columns;
  const result = heap.output(y.shape), total = heap.output([columns]);
  const [from, at, to, bias] = [dy, y, result, total].map((tensor) => heap.at(tensor));
  const code = ACTIVATIONS[activation]!;
  const stripes = Math.max(Math.ceil(rows / STRIPE), 1), fits = columns * 4 <= heap.scratchBytes;
  const doubles = heap.shared(stripes * columns * 8 + columns * 4);
  const memory = fits ? heap.scratch() : doubles + stripes * columns * 8;
  const args = [from, at, to, rows, columns, 0, stripes, code, doubles, memory];
  const split = { argument: 5, multiple: 1, work: rows * columns * 4 };
  heap.run("activationAndBiasGradient", args, fits ? split : undefined);
  heap.run("sumStripes", [doubles, stripes, columns, bias]);
  return [result, total];
}

/** Multiplies by a number, in place: no other tensor may share the elements. */
function scale(heap: KernelHeap, { x }: Inputs, { factor }: { factor: number }) {
  heap.run("scale", [heap.at(x), sizeOf(x.shape), factor]);
  return [x];
}

/** The sums of rows of floats with the same number; others than those of the result are left out. */
export function addRows(
  heap: KernelHeap,
  x: tf.TensorInfo,
  numbers: tf.TensorInfo,
  rows: number,
  shape: number[],
): tf.TensorInfo {
  const result = heap.output(shape), count = shape[0], size = sizeOf(shape.slice(1));
  const [from, ids, to] = [x, numbers, result].map((tensor) => heap.at(tensor));
  // Long sums are made in doubles, unless those would take too much memory.
  const bytes = count * size * 8;
  const doubles = rows > 512 && bytes <= 2 ** 26 ? heap.shared(bytes) : 0;
  heap.run("addSegments", [from, ids, rows, size, to, count, doubles]);
  return result;
}

function unsortedSegmentSum(
  heap: KernelHeap,
  { x, segmentIds }: Inputs,
  { numSegments }: { numSegments: number },
) {
  if (segmentIds.shape.length !== 1 || segmentIds.dtype !== "int32") return;
  if (!["float32", "int32"].includes(x.dtype) || segmentIds.shape[0] !== x.shape[0]) return;
  const shape = [numSegments, ...x.shape.slice(1)];
  const rows = x.shape[0], size = sizeOf(x.shape.slice(1));
  if (areFloats(x)) return addRows(heap, x, segmentIds, rows, shape);
  const result = heap.output(shape, x.dtype);
  const [values, ids, totals] = [x, segmentIds, result].map((tensor) => heap.elements(tensor));
  totals.fill(0);
  for (let i = 0; i < rows; i++) {
    if (ids[i] < 0 || ids[i] >= numSegments) continue;
    for (let j = 0; j < size; j++) totals[ids[i] * size + j] += values[i * size + j];
  }
  return result;
}

/** The attributes of `tf.linspace`. */
interface LinSpaceAttributes {
  start: number;
  stop: number;
  num: number;
}

/** The numbers `start + i * step`, each rounded once: tfjs adds steps, and their rounding errors with them. */
function sequence(
  heap: KernelHeap,
  start: number,
  step: number,
  count: number,
  dtype: tf.DataType = "float32",
): tf.TensorInfo {
  const result = heap.output([count], dtype);
  const name = dtype === "int32" ? "sequenceOfIntegers" : "sequence";
  const args = [heap.at(result), 0, count, start, step, heap.scratch()];
  heap.run(name, args, { argument: 1, multiple: 4, work: count });
  return result;
}

function range(heap: KernelHeap, _: Inputs, attributes: RangeAttributes) {
  const { start, dtype } = attributes;
  if (dtype !== "float32" && dtype !== "int32") return;
  const { count, step } = stepsOf(attributes);
  return sequence(heap, start, step, count, dtype);
}

function linSpace(heap: KernelHeap, _: Inputs, { start, stop, num }: LinSpaceAttributes) {
  return sequence(heap, start, num > 1 ? (stop - start) / (num - 1) : 0, num);
}

/** The kernels that pass over memory. */
export const ELEMENTWISE_KERNELS: KernelTable = {
  Identity: identity,
  LinSpace: linSpace,
  Range: range,
  Reshape: reshape,
  TrainchartActivationGradient: activationGradient,
  TrainchartActivationAndBiasGradient: activationAndBiasGradient,
  TrainchartScale: scale,
  UnsortedSegmentSum: unsortedSegmentSum,
};
