/**
 * Functions of two numbers with broadcasting, comparisons, choices, and slopes of all these.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { broadcastShape, isSameShape, passOver } from "./broadcast.ts";
import { multiplyComplex } from "./complex.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

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

/** The slope by one of two numbers, of the shape of `dy`. */
function binarySlope(
  heap: KernelHeap,
  { dy, a, b }: Inputs,
  { f }: { f: FunctionName<"binary_slopes"> },
) {
  const result = heap.output(dy.shape), number = numberOf("binary_slopes", f);
  passOver(heap, { kernel: "binarySlope", f: number, a, b, result, dy });
  return result;
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

/** The slope of a power by its base, for one exponent. */
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
  TrainchartPowSlope: powSlope,
  TrainchartSelectSlope: select,
};
