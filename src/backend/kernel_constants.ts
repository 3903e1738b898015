/**
 * The numbers on which the kernels and their callers agree: fields of the tables of 32-bit integers
 * that describe convolutions and windows, and the functions of elements that one kernel computes.
 *
 * The build of the kernels reads this file as well: `import { PAD_Y } from "./window_table"` is the
 * offset of that field, in bytes, and `import { TANH } from "./unary_functions"` the place of that name
 * in its list.
 *
 * @module
 */

/** The names of each table's fields, in order. */
export const TABLE_LAYOUTS = {
  /** The patches of an image; the taps of the filter follow, four integers each. */
  // deno-fmt-ignore
  patch_table: [
    "SOURCE", "DEPTH", "HEIGHT", "WIDTH", "CHANNELS", "GRID_Z", "GRID_Y", "GRID_X",
    "STEP_Z", "STEP_Y", "STEP_X", "TAPS",
  ],
  /** The windows of a pooling. */
  // deno-fmt-ignore
  window_table: [
    "DEPTH", "HEIGHT", "WIDTH", "CHANNELS", "OUT_Z", "OUT_Y", "OUT_X",
    "WINDOW_Z", "WINDOW_Y", "WINDOW_X", "STEP_Z", "STEP_Y", "STEP_X",
    "PAD_Z", "PAD_Y", "PAD_X", "DILATION_Z", "DILATION_Y", "DILATION_X",
  ],
  /** The resizing of an image; the weights of its results follow. */
  // deno-fmt-ignore
  resize_table: ["HEIGHT", "WIDTH", "CHANNELS", "OUT_Y", "OUT_X", "COLUMNS"],
  /** The lines of Winograd's algorithm in one dimension; `TILES` for each place between two taps. */
  // deno-fmt-ignore
  line_table: [
    "WIDTH", "CHANNELS", "OUT_WIDTH", "COLUMNS", "PAD", "DILATION", "TILES", "BLOCK",
  ],
  /** The tiles of Winograd's algorithm. */
  // deno-fmt-ignore
  tile_table: [
    "SOURCE", "HEIGHT", "WIDTH", "CHANNELS", "TARGET", "OUT_HEIGHT", "OUT_WIDTH", "COLUMNS",
    "PAD_Y", "PAD_X", "DILATION_Y", "DILATION_X", "TILES_Y", "TILES_X", "BLOCK",
  ],
} as const;

/** The name of a table. */
type TableName = keyof typeof TABLE_LAYOUTS;

/** The names of a table's fields. */
type TableField<Name extends TableName> = (typeof TABLE_LAYOUTS)[Name][number];

/** Puts the fields of a table in order. */
export function layOut<Name extends TableName>(
  name: Name,
  fields: Record<TableField<Name>, number>,
): number[] {
  const order: readonly TableField<Name>[] = TABLE_LAYOUTS[name];
  return order.map((field) => fields[field]);
}

/** The places of the addresses among a table's fields. */
export function addressesIn(name: TableName): number[] {
  return TABLE_LAYOUTS[name].flatMap((field, place) =>
    field === "SOURCE" || field === "TARGET" ? [place] : []
  );
}

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
  /** Gradients of functions of two numbers, by one of them. */
  binary_slopes: ["SQUARED_DIFFERENCE", "PRELU_X", "PRELU_ALPHA", "DIVISOR"],
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
  /** Updates of variables by optimizers of TensorFlow.js. */
  // deno-fmt-ignore
  stock_updates: [
    "DESCENT", "MOMENTUM", "NESTEROV", "ADAGRAD", "ADADELTA", "ADAMAX", "RMSPROP", "CENTERED_RMSPROP",
  ],
  /** Losses of a prediction and a label. */
  loss_functions: ["SIGMOID_CROSS_ENTROPY", "HUBER", "LOG_LOSS", "HINGE", "CROSS_TERM"],
  /** Reductions of numbers. */
  reducers: ["MAX", "MIN", "PROD", "MAX_INTEGERS", "MIN_INTEGERS", "SUM_INTEGERS"],
} as const;

/** The name of a list of functions. */
type FunctionList = keyof typeof FUNCTION_NAMES;

/** A function of a list. */
export type FunctionName<List extends FunctionList> = (typeof FUNCTION_NAMES)[List][number];

/** The number of a function. */
export function numberOf<List extends FunctionList>(list: List, name: FunctionName<List>): number {
  return (FUNCTION_NAMES[list] as readonly string[]).indexOf(name);
}

/** The factor of `selu`, and that of its exponential (Klambauer et al., 2017). */
export const SELU = { p: 1.0507009873554805, q: 1.7580993408473769 };
