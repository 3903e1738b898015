/**
 * Functions of two numbers with broadcasting, comparisons, choices, and slopes of all these.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { broadcastShape, isSameShape, passOver } from "./broadcast.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

/** A kernel that computes a function of two numbers. */
function binary(name: FunctionName<"binary_functions">): Kernel {
  const f = numberOf("binary_functions", name);
  return function combineElements(heap: KernelHeap, { a, b }: Inputs) {
    if (!areFloats(a, b)) return;
    const result = heap.output(broadcastShape(a.shape, b.shape));
    passOver(heap, { kernel: "binary", f, a, b, result });
    return result;
  };
}

function compare(name: FunctionName<"comparisons">): Kernel {
  const f = numberOf("comparisons", name);
  return function compareElements(heap: KernelHeap, { a, b }: Inputs) {
    if (!areFloats(a, b)) return;
    const result = heap.output(broadcastShape(a.shape, b.shape), "bool");
    passOver(heap, { kernel: "compare", f, a, b, result });
    return result;
  };
}

/** Connects booleans of one shape: 0 and, 1 or, 2 xor. */
function connect(how: number): Kernel {
  return function connectBooleans(heap: KernelHeap, { a, b }: Inputs) {
    if (a.dtype !== "bool" || b.dtype !== "bool" || !isSameShape(a.shape, b.shape)) return;
    const y = heap.output(a.shape, "bool"), size = sizeOf(a.shape);
    heap.run("connect", [how, heap.at(a), heap.at(b), heap.at(y), 0, size, heap.scratch()]);
    return y;
  };
}

/** Chooses elements; a kernel of our gradients leaves out an operand that is all zeros. */
function select(heap: KernelHeap, { condition, t, e }: Inputs) {
  const chosen = t ?? e;
  if (!isSameShape(condition.shape, chosen.shape)) return;
  if (t && e && (t.dtype !== e.dtype || !isSameShape(t.shape, e.shape))) return;
  if (condition.dtype !== "bool" || !["float32", "int32"].includes(chosen.dtype)) return;
  const y = heap.output(chosen.shape, chosen.dtype), size = sizeOf(chosen.shape);
  const [first, second] = [t, e].map((tensor) => tensor ? heap.at(tensor) : 0);
  const args = [heap.at(condition), first, second, heap.at(y), 0, size, heap.scratch()];
  heap.run("select", args, { argument: 4, multiple: 4, work: size * 2 });
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
  Add: binary("ADD"),
  Equal: compare("EQUAL"),
  Greater: compare("GREATER"),
  GreaterEqual: compare("GREATER_EQUAL"),
  Less: compare("LESS"),
  LessEqual: compare("LESS_EQUAL"),
  LogicalAnd: connect(0),
  LogicalOr: connect(1),
  LogicalXor: connect(2),
  Maximum: binary("MAXIMUM"),
  Minimum: binary("MINIMUM"),
  Multiply: binary("MUL"),
  NotEqual: compare("NOT_EQUAL"),
  Pow: pow,
  Prelu: prelu,
  RealDiv: binary("DIV"),
  Select: select,
  SquaredDifference: binary("SQUARED_DIFFERENCE"),
  Sub: binary("SUB"),
  TrainchartBinarySlope: binarySlope,
  TrainchartPowSlope: powSlope,
  TrainchartSelectSlope: select,
};
