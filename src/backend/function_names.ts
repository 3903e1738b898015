/**
 * The functions of elements that one kernel computes, by number.
 *
 * The build of the kernels reads this file as well: `import { TANH } from "./unary_functions"` is the
 * place of that name in its list.
 *
 * @module
 */

/** The names of functions, in order. */
export const FUNCTION_NAMES = {
  /** Functions of one number. */
  // deno-fmt-ignore
  unary_functions: [
    "NEG", "ABS", "SQUARE", "RECIPROCAL", "SQRT", "RSQRT", "EXP", "EXPM1", "LOG", "LOG1P", "SIGMOID",
    "TANH", "SOFTPLUS", "ERF", "SIGN", "STEP", "CLIP", "RELU", "LEAKY_RELU", "ELU", "SWISH",
    "HARD_SIGMOID", "MISH", "SOFTSIGN", "SIN", "COS", "GELU", "GELU_TANH",
  ],
  /** Functions of two numbers. */
  // deno-fmt-ignore
  binary_functions: [
    "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU",
  ],
  /** Slopes of functions of two numbers, by one of them. */
  binary_slopes: ["MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU_X", "PRELU_ALPHA", "DIVISOR"],
  /** Comparisons of two numbers, and connections of two booleans. */
  comparisons: ["EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"],
  /** Reductions of numbers. */
  reducers: ["MAX", "MIN", "PROD"],
} as const;

/** The name of a list of functions. */
export type FunctionList = keyof typeof FUNCTION_NAMES;

/** A function of a list. */
export type FunctionName<List extends FunctionList> = (typeof FUNCTION_NAMES)[List][number];

/** The number of a function. */
export function numberOf<List extends FunctionList>(list: List, name: FunctionName<List>): number {
  return (FUNCTION_NAMES[list] as readonly string[]).indexOf(name);
}
