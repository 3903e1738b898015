/**
 * Functions of one number, and their slopes.
 *
 * @module
 */
import { type FunctionName, numberOf } from "../function_names.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

type Unary = FunctionName<"unary_functions">;

/** Functions that take longer than to read and write a number, in multiply-adds. */
const WORK: Partial<Record<Unary, number>> = {
  ...{ EXP: 12, EXPM1: 16, LOG: 16, LOG1P: 20, SIGMOID: 16, TANH: 20, SOFTPLUS: 30, ERF: 20 },
  ...{ ELU: 16, SELU: 16, SWISH: 20, MISH: 50 },
};

/** Parameters of a function. */
export interface Parameters {
  p?: number;
  q?: number;
}

/** A kernel that computes a function of each element. */
// deno-lint-ignore no-explicit-any
function unary(name: Unary, parametersOf: (attributes: any) => Parameters = () => ({})): Kernel {
  const f = numberOf("unary_functions", name), work = WORK[name] ?? 2;
  return function mapElements(heap: KernelHeap, { x }: Inputs, attributes) {
    if (!areFloats(x)) return;
    const { p = 0, q = 0 } = parametersOf(attributes);
    const y = heap.output(x.shape), size = sizeOf(x.shape);
    const args = [f, heap.at(x), heap.at(y), 0, size, p, q, heap.scratch()];
    heap.run("unary", args, { argument: 3, multiple: 4, work: size * work });
    return y;
  };
}

/** Attributes of the kernel of slopes. */
export interface SlopeAttributes extends Parameters {
  f: Unary;
}

/** The slope of a function times `dy`, from `s`: its result or its input. */
function unarySlope(heap: KernelHeap, { dy, s }: Inputs, { f, p = 0, q = 0 }: SlopeAttributes) {
  const dx = heap.output(s.shape), size = sizeOf(s.shape);
  const number = numberOf("unary_functions", f);
  const args = [number, heap.at(dy), heap.at(s), heap.at(dx), 0, size, p, q, heap.scratch()];
  heap.run("unarySlope", args, { argument: 4, multiple: 4, work: size * (WORK[f] ?? 3) });
  return dx;
}

const clipBelow = (limit: number) => unary("RELU", () => ({ p: limit }));

/** The kernels of functions of one number. */
export const UNARY_KERNELS: KernelTable = {
  Abs: unary("ABS"),
  ClipByValue: unary("CLIP", (a) => ({ p: a.clipValueMin, q: a.clipValueMax })),
  Elu: unary("ELU"),
  Erf: unary("ERF"),
  Exp: unary("EXP"),
  Expm1: unary("EXPM1"),
  LeakyRelu: unary("LEAKY_RELU", ({ alpha }) => ({ p: alpha })),
  Log: unary("LOG"),
  Log1p: unary("LOG1P"),
  Neg: unary("NEG"),
  Reciprocal: unary("RECIPROCAL"),
  // tfjs's kernels make NaN a number.
  Relu: clipBelow(Infinity),
  Relu6: clipBelow(6),
  Rsqrt: unary("RSQRT"),
  Selu: unary("SELU"),
  Sigmoid: unary("SIGMOID"),
  Sign: unary("SIGN"),
  Softplus: unary("SOFTPLUS"),
  Sqrt: unary("SQRT"),
  Square: unary("SQUARE"),
  Step: unary("STEP", ({ alpha }) => ({ p: alpha })),
  Tanh: unary("TANH"),
  TrainchartHardSigmoid: unary("HARD_SIGMOID", () => ({ p: 0.2, q: 0.5 })),
  TrainchartMish: unary("MISH"),
  TrainchartSwish: unary("SWISH", ({ alpha }) => ({ p: alpha })),
  TrainchartUnarySlope: unarySlope,
};
