import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { writeTensor } from "../tensors/tensor_memory.ts";
import type { tf } from "../deps/tfjs.ts";
import type { NdArray } from "./dataset.ts";

/**
 * A column of a {@linkcode TensorDataset} as plain numbers: `[examples, ...]`.
 *
 * Rows are gathered and converted when a batch is built. Until then bytes stay bytes, which take a
 * quarter of the memory of `float32`.
 *
 * @example Pixels from bytes 0 to 255 to numbers 0 to 1
 * ```ts
 * import type { ArrayColumn } from "@trainchart/trainchart";
 *
 * const images: ArrayColumn = {
 *   values: new Uint8Array(10 * 28 * 28),
 *   shape: [10, 28, 28],
 *   scale: 1 / 255,
 * };
 * ```
 *
 * @category Data
 */
export interface ArrayColumn extends NdArray {
  /**
   * Type of the tensors. Default: `float32` for numbers that are floating-point, scaled or
   * shifted, else `int32`.
   */
  readonly dtype?: "float32" | "int32" | "bool";
  /** Factor of each number, finite. Default: 1. */
  readonly scale?: number;
  /** Added to each number after scaling, finite. Default: 0. */
  readonly offset?: number;
}

const SUPPORTED = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Int32Array,
  Float32Array,
  Float64Array,
];
const COLUMN_DTYPES = ["float32", "int32", "bool"];

const COLUMN_FIELDS: Record<keyof ArrayColumn, true> = {
  values: true,
  shape: true,
  dtype: true,
  scale: true,
  offset: true,
};

/**
 * Checks a column and returns a function that gathers rows of it into a new tensor.
 *
 * @param column The column.
 * @param name Name of the column, for errors.
 * @returns A function from `indices: [batch] int32`, each in range, to a tensor `[batch, ...]`,
 *   which the caller owns. It makes a single pass.
 * @throws {TypeError} If the values are not a supported typed array, the dtype is unknown, or a
 *   field is misspelt.
 * @throws {RangeError} If the values do not fit the shape, or `scale` or `offset` is not finite.
 */
export function arrayGatherer(
  column: ArrayColumn,
  name: string,
): (indices: Int32Array) => tf.Tensor {
  checkOptions(`build a dataset with ${name}`, column, COLUMN_FIELDS);
  const { values, shape, scale = 1, offset = 0 } = column;
  const action = `Cannot build a dataset as ${name}`;
  if (!SUPPORTED.some((type) => values instanceof type)) {
    throw new TypeError(
      `${action}.values must be a typed array of at most 32-bit integers or of floating-point ` +
        `numbers: current value is ${describeValue(values)}`,
    );
  }
  const isShape = Array.isArray(shape) &&
    shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!isShape || shape.length === 0) {
    throw new RangeError(
      `${action}.shape must be [examples, ...]: current value is ${JSON.stringify(shape)}`,
    );
  }
  const [length, ...rest] = shape;
  const size = rest.reduce((product, axis) => product * axis, 1);
  if (values.length !== length * size) {
    throw new RangeError(
      `${action}.values must have ${length * size} elements for shape [${shape.join(", ")}]: ` +
        `current value is ${values.length}`,
    );
  }
  checkNumber("build a dataset", `${name}.scale`, scale);
  checkNumber("build a dataset", `${name}.offset`, offset);
  const asIs = scale === 1 && offset === 0;
  const floating = !asIs || values instanceof Float32Array || values instanceof Float64Array;
  const { dtype = floating ? "float32" : "int32" } = column;
  if (!COLUMN_DTYPES.includes(dtype)) {
    throw new TypeError(
      `${action}.dtype must be "float32", "int32" or "bool": current value is "${dtype}"`,
    );
  }
  return function gather(indices) {
    return writeTensor([indices.length, ...rest], dtype, (rows) => {
      for (let place = 0; place < indices.length; place++) {
        const start = indices[place] * size;
        if (asIs) {
          rows.set(values.subarray(start, start + size), place * size);
        } else {
          let to = place * size;
          for (let from = start; from < start + size; from++) {
            rows[to++] = values[from] * scale + offset;
          }
        }
      }
    });
  };
}
