/**
 * Functions of two numbers with broadcasting, comparisons, choices, and gradients of all these.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { multiplyComplex } from "./complex.ts";
import {
  areFloats,
  type Inputs,
  isSameShape,
  type Kernel,
  type KernelTable,
  sizeOf,
  unitOf,
} from "./kernel.ts";

/** An axis of a result, and the elements of each operand from one index to the next. */
interface Axis {
  size: number;
  a: number;
  b: number;
}

/** Length of the rows in which threads share one long row. */
const ROW = 4096;

/** Elements from which it is worth while to share a row. */
const LONG = 2 ** 16;

/** The shape of a function of two tensors. */
function broadcastShape(a: number[], b: number[]): number[] {
  return isSameShape(a, b) ? a : tf.broadcast_util.assertAndGetBroadcastShape(a, b);
}

/** The axes of a result, the last one first; neighbours along which both operands advance are one. */
function axesOf(a: number[], b: number[], shape: number[]): Axis[] {
  if (isSameShape(a, b)) return [{ size: sizeOf(shape), a: 1, b: 1 }];
  const axes: Axis[] = [];
  let strideA = 1, strideB = 1, last: Axis | undefined;
  for (let i = 1; i <= shape.length; i++) {
    const size = shape[shape.length - i];
    const sizeA = a[a.length - i] ?? 1, sizeB = b[b.length - i] ?? 1;
    const stepA = sizeA === 1 ? 0 : strideA, stepB = sizeB === 1 ? 0 : strideB;
    strideA *= sizeA;
    strideB *= sizeB;
    if (size === 1) continue;
    if (last && stepA === last.a * last.size && stepB === last.b * last.size) last.size *= size;
    else axes.push(last = { size, a: stepA, b: stepB });
  }
  return axes.length > 0 ? axes : [{ size: 1, a: 1, b: 1 }];
}

/** A call of a kernel that passes over two operands with broadcasting. */
interface Pass {
  kernel: "binary" | "binarySlope" | "compare" | "connect" | "extremeShares";
  /** The number of the function. */
  f: number;
  a: tf.TensorInfo;
  b: tf.TensorInfo;
  result: tf.TensorInfo;
  /** The gradient of the result, for a kernel of gradients. */
  dy?: tf.TensorInfo;
  /** The second result, of the shape of the first. */
  other?: tf.TensorInfo;
}

/** Calls a kernel for all rows of a result. */
function passOver(heap: KernelHeap, { kernel, f, a, b, result, dy, other }: Pass): void {
  const { shape } = result, size = sizeOf(shape);
  if (size === 0) return;
  const axes = axesOf(a.shape, b.shape, shape);
  const bytes = unitOf(result.dtype), bytesOfInput = unitOf(a.dtype);
  const fromA = heap.at(a), fromB = heap.at(b), to = heap.at(result), slopes = dy && heap.at(dy);
  const scratch = heap.scratch();
  const single = { size: 1, a: 0, b: 0 };
  const call = (inner: Axis, middle: Axis, outer: Axis, atA: number, atB: number, at: number) => {
    const args = [f];
    if (slopes !== undefined) args.push(slopes + at * 4);
    args.push(fromA + atA * bytesOfInput, fromB + atB * bytesOfInput, to + at * bytes);
    if (other) args.push(heap.at(other) + at * 4);
    const argument = args.length;
    args.push(0, outer.size * middle.size, middle.size, inner.size);
    args.push(outer.a, middle.a, inner.a, outer.b, middle.b, inner.b, scratch);
    heap.run(kernel, args, { argument, multiple: 1, work: size * 2 });
  };
  const [inner, middle = single, outer = single, ...more] = axes;
  if (axes.length === 1 && heap.threads && size >= LONG) {
    const rows = Math.floor(size / ROW), done = rows * ROW;
    call(
      { ...inner, size: ROW },
      { size: rows, a: inner.a * ROW, b: inner.b * ROW },
      single,
      0,
      0,
      0,
    );
    if (done < size) {
      call({ ...inner, size: size - done }, single, single, inner.a * done, inner.b * done, done);
    }
    return;
  }
  const block = inner.size * middle.size * outer.size;
  let at = 0;
  const visit = (level: number, atA: number, atB: number): void => {
    if (level < 0) {
      call(inner, middle, outer, atA, atB, at);
      at += block;
      return;
    }
    const axis = more[level];
    for (let i = 0; i < axis.size; i++) visit(level - 1, atA + i * axis.a, atB + i * axis.b);
  };
  visit(more.length - 1, 0, 0);
}

/**
 * A kernel that computes a function of two numbers.
 *
 * @param name Its name for floats.
 * @param ofIntegers Its name for integers. Default: integers are left to tfjs.
 */
function binary(
  name: FunctionName<"binary_functions"> | undefined,
  ofIntegers?: FunctionName<"binary_functions">,
): Kernel {
  const numbers = [name, ofIntegers].map((f) => f && numberOf("binary_functions", f));
  return function combineElements(heap: KernelHeap, { a, b }: Inputs) {
    const f = numbers[areFloats(a, b) ? 0 : areAll("int32", a, b) ? 1 : 2];
    if (f === undefined) return;
    const result = heap.output(broadcastShape(a.shape, b.shape), a.dtype);
    passOver(heap, { kernel: "binary", f, a, b, result });
    return result;
  };
}

/** A kernel that takes complex numbers, too, part by part. */
function ofParts(name: "ADD" | "SUB"): Kernel {
  const combine = binary(name, `${name}_INTEGERS`), f = numberOf("binary_functions", name);
  return function combineParts(heap: KernelHeap, inputs: Inputs, attributes, stock) {
    const { a, b } = inputs;
    if (!areAll("complex64", a, b)) return combine(heap, inputs, attributes, stock);
    const result = heap.output(broadcastShape(a.shape, b.shape), "complex64");
    const parts = ({ dataId, shape }: tf.TensorInfo): tf.TensorInfo => ({
      dataId,
      shape: [...shape, 2],
      dtype: "float32",
    });
    passOver(heap, { kernel: "binary", f, a: parts(a), b: parts(b), result: parts(result) });
    return result;
  };
}

/** The sum of tensors of one shape. */
const addAll: Kernel = (heap, inputs) => {
  const tensors = Object.values(inputs), [first, ...others] = tensors;
  if (!areFloats(...tensors) && !areAll("int32", ...tensors)) return;
  if (others.length === 0) return heap.alias(first);
  const result = heap.output(first.shape, first.dtype);
  const f = numberOf("binary_functions", areFloats(first) ? "ADD" : "ADD_INTEGERS");
  others.forEach((b, i) =>
    passOver(heap, { kernel: "binary", f, a: i === 0 ? first : result, b, result })
  );
  return result;
};

const multiplyNumbers = binary("MUL", "MUL_INTEGERS");

/** Products; those of complex numbers of two shapes are left to tfjs. */
const multiply: Kernel = (heap, inputs, attributes, stock) =>
  multiplyComplex(heap, inputs) ?? multiplyNumbers(heap, inputs, attributes, stock);

function compare(name: FunctionName<"connections"> & FunctionName<"comparisons">): Kernel {
  const f = numberOf("comparisons", name), ofIntegers = numberOf("comparisons", `${name}_INTEGERS`);
  const ofBooleans = connect(name);
  return function compareElements(heap: KernelHeap, { a, b }: Inputs, attributes, stock) {
    const isInteger = areAll("int32", a, b);
    if (!isInteger && !areFloats(a, b)) return ofBooleans(heap, { a, b }, attributes, stock);
    const result = heap.output(broadcastShape(a.shape, b.shape), "bool");
    passOver(heap, { kernel: "compare", f: isInteger ? ofIntegers : f, a, b, result });
    return result;
  };
}

/** A kernel that asks about each number. */
function question(name: FunctionName<"comparisons">): Kernel {
  const f = numberOf("comparisons", name);
  return function askOfElements(heap: KernelHeap, { x }: Inputs) {
    if (!areFloats(x)) return;
    const result = heap.output(x.shape, "bool");
    passOver(heap, { kernel: "compare", f, a: x, b: x, result });
    return result;
  };
}

/** Connects booleans; NOT has one operand. */
function connect(name: FunctionName<"connections">): Kernel {
  const f = numberOf("connections", name);
  return function connectBooleans(heap: KernelHeap, { a, b = a }: Inputs) {
    if (!areAll("bool", a, b)) return;
    const result = heap.output(broadcastShape(a.shape, b.shape), "bool");
    passOver(heap, { kernel: "connect", f, a, b, result });
    return result;
  };
}

const not = connect("NOT");

function areAll(dtype: tf.DataType, ...tensors: tf.TensorInfo[]): boolean {
  return tensors.every((tensor) => tensor.dtype === dtype);
}

/** Chooses elements; a kernel of our gradients leaves out an operand that is all zeros. */
function select(heap: KernelHeap, { condition, t, e }: Inputs) {
  const chosen = t ?? e;
  if (!isSameShape(condition.shape, chosen.shape)) return;
  if (t && e && (t.dtype !== e.dtype || !isSameShape(t.shape, e.shape))) return;
  if (condition.dtype !== "bool" || !["float32", "int32", "bool"].includes(chosen.dtype)) return;
  const areBytes = chosen.dtype === "bool";
  const y = heap.output(chosen.shape, chosen.dtype), size = sizeOf(chosen.shape);
  const [first, second] = [t, e].map((tensor) => tensor ? heap.at(tensor) : 0);
  const args = [heap.at(condition), first, second, heap.at(y), 0, size, heap.scratch()];
  const split = { argument: 4, multiple: 16, work: areBytes ? size / 2 : size * 2 };
  heap.run(areBytes ? "selectBytes" : "select", args, split);
  return y;
}

/** The gradient by one of two numbers, of the shape of `dy`. */
function binarySlope(
  heap: KernelHeap,
  { dy, a, b }: Inputs,
  { f }: { f: FunctionName<"binary_slopes"> },
) {
  const result = heap.output(dy.shape), number = numberOf("binary_slopes", f);
  passOver(heap, { kernel: "binarySlope", f: number, a, b, result, dy });
  return result;
}

/** The gradients of the larger of two numbers, or of the smaller, by both, of the shape of `dy`. */
function extremeShares(
  heap: KernelHeap,
  { dy, a, b }: Inputs,
  { isMinimum }: { isMinimum: boolean },
) {
  const result = heap.output(dy.shape), other = heap.output(dy.shape);
  passOver(heap, { kernel: "extremeShares", f: Number(isMinimum), a, b, result, dy, other });
  return [result, other];
}

/** Powers, as JavaScript has them: NaN is a power of NaN. */
function pow(heap: KernelHeap, { a, b }: Inputs): tf.TensorInfo | undefined {
  if (!areFloats(a, b)) return;
  const shape = broadcastShape(a.shape, b.shape), size = sizeOf(shape);
  const sizes = [a, b].map((tensor) => sizeOf(tensor.shape));
  if (size > 0 && sizes.some((n) => n !== 1 && n !== size)) {
    const [left, right] = [a, b].map((tensor) => tf.broadcastTo(tensor as tf.Tensor, shape));
    const result = pow(heap, { a: left, b: right });
    tf.dispose([left, right]);
    return result;
  }
  const y = heap.output(shape);
  const [stepA, stepB] = size === 1 ? [1, 0] : sizes.map((n) => Number(n === size));
  const args = [heap.at(a), heap.at(b), heap.at(y), 0, size, stepA, stepB, heap.scratch()];
  heap.run("powers", args, { argument: 3, multiple: 4, work: size * 16 });
  return y;
}

/** The gradient of a power by its base, for one exponent. */
function powSlope(heap: KernelHeap, { dy, a, b }: Inputs) {
  const dx = heap.output(a.shape), size = sizeOf(a.shape);
  const args = [heap.at(dy), heap.at(a), heap.at(b), heap.at(dx), 0, size, heap.scratch()];
  heap.run("powerSlope", args, { argument: 4, multiple: 4, work: size * 16 });
  return dx;
}

const preluOf = binary("PRELU");

/** tfjs's kernel caches weights by tensor, and would miss changes in place. */
const prelu: Kernel = (heap, { x, alpha }, attributes, stock) =>
  preluOf(heap, { a: x, b: alpha }, attributes, stock);

/** The kernels of functions of two numbers. */
export const BINARY_KERNELS: KernelTable = {
  Add: ofParts("ADD"),
  AddN: addAll,
  Atan2: binary("ATAN2"),
  BitwiseAnd: binary(undefined, "AND_INTEGERS"),
  Equal: compare("EQUAL"),
  FloorDiv: binary("FLOOR_DIV", "FLOOR_DIV_INTEGERS"),
  Greater: compare("GREATER"),
  GreaterEqual: compare("GREATER_EQUAL"),
  IsFinite: question("IS_FINITE"),
  IsInf: question("IS_INFINITE"),
  IsNan: question("IS_NAN"),
  Less: compare("LESS"),
  LessEqual: compare("LESS_EQUAL"),
  LogicalAnd: connect("AND"),
  LogicalNot: (heap, { x }, attributes, stock) => not(heap, { a: x }, attributes, stock),
  LogicalOr: connect("OR"),
  LogicalXor: connect("XOR"),
  Maximum: binary("MAXIMUM", "MAXIMUM_INTEGERS"),
  Minimum: binary("MINIMUM", "MINIMUM_INTEGERS"),
  Mod: binary("MOD", "MOD_INTEGERS"),
  Multiply: multiply,
  NotEqual: compare("NOT_EQUAL"),
  Pow: pow,
  Prelu: prelu,
  RealDiv: binary("DIV"),
  Select: select,
  SquaredDifference: binary("SQUARED_DIFFERENCE", "SQUARED_DIFFERENCE_INTEGERS"),
  Sub: ofParts("SUB"),
  TrainchartBinarySlope: binarySlope,
  TrainchartExtremeShares: extremeShares,
  TrainchartPowSlope: powSlope,
  TrainchartSelectSlope: select,
};
