/**
 * Functions of one number, and their slopes.
 *
 * @module
 */
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

/** The name of a function. */
export type Unary = FunctionName<"unary_functions">;

/** Functions that take longer than to read and write a number, in multiply-adds. */
const WORK: Partial<Record<Unary, number>> = {
  ...{ EXP: 12, EXPM1: 16, LOG: 16, LOG1P: 20, SIGMOID: 16, TANH: 20, SOFTPLUS: 30, ERF: 20 },
  ...{ TAN: 40, ASIN: 16, ACOS: 16, ATAN: 20, SINH: 20, COSH: 20, ASINH: 30, ACOSH: 30, ATANH: 30 },
  ...{ ELU: 16, SWISH: 20, MISH: 50, GELU: 32, GELU_TANH: 32, SIN: 32, COS: 32 },
};

/** The factor of `selu`, and that of its exponential (Klambauer et al., 2017). */
export const SELU = { p: 1.0507009873554805, q: 1.7580993408473769 };

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

/** Attributes of the kernels that compute any function, or its slope. */
export interface UnaryAttributes extends Parameters {
  f: Unary;
}

/** A function that tfjs has no kernel for. */
const activation: Kernel = (heap, inputs, attributes: UnaryAttributes, stock) =>
  unary(attributes.f, () => attributes)(heap, inputs, attributes, stock);

/** The slope of a function times `dy`, from `s`: its result or, for some functions, its input. */
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
