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
    "HARD_SIGMOID", "MISH", "SOFTSIGN", "SIN", "COS", "GELU", "GELU_TANH", "TAN", "ASIN", "ACOS",
    "ATAN", "SINH", "COSH", "ASINH", "ACOSH", "ATANH", "CEIL", "FLOOR", "ROUND", "NEG_INTEGERS",
    "ABS_INTEGERS", "SQUARE_INTEGERS", "SIGN_INTEGERS", "CLIP_INTEGERS",
  ],
  /** Functions of two numbers. */
  // deno-fmt-ignore
  binary_functions: [
    "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU", "FLOOR_DIV",
    "MOD", "ATAN2", "ADD_INTEGERS", "SUB_INTEGERS", "MUL_INTEGERS", "MAXIMUM_INTEGERS",
    "MINIMUM_INTEGERS", "SQUARED_DIFFERENCE_INTEGERS", "FLOOR_DIV_INTEGERS", "MOD_INTEGERS",
    "AND_INTEGERS",
  ],
  /** Slopes of functions of two numbers, by one of them. */
  binary_slopes: ["MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU_X", "PRELU_ALPHA", "DIVISOR"],
  /** Comparisons of two numbers, and questions about the first one. */
  // deno-fmt-ignore
  comparisons: [
    "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "IS_NAN", "IS_INFINITE",
    "IS_FINITE", "EQUAL_INTEGERS", "NOT_EQUAL_INTEGERS", "GREATER_INTEGERS",
    "GREATER_EQUAL_INTEGERS", "LESS_INTEGERS", "LESS_EQUAL_INTEGERS",
  ],
  /** Connections and comparisons of two booleans; the first one alone is negated. */
  // deno-fmt-ignore
  connections: [
    "AND", "OR", "XOR", "NOT", "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS",
    "LESS_EQUAL",
  ],
  /** Conversions of elements. */
  // deno-fmt-ignore
  conversions: [
    "FLOAT_TO_INTEGER", "INTEGER_TO_FLOAT", "BOOL_TO_FLOAT", "BOOL_TO_INTEGER", "FLOAT_TO_BOOL",
    "INTEGER_TO_BOOL",
  ],
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
