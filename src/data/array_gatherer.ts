import { writeTensor } from "../tensors/tensor_memory.ts";
import type { tf } from "../deps/tfjs.ts";
import type { NdArray } from "./nd_array.ts";

/**
 * One column of a {@linkcode TensorDataset}, kept as plain numbers: `[examples, ...]`.
 *
 * The rows of a batch are gathered and converted when the batch is built; until then bytes stay
 * bytes, a quarter of what the same numbers take as `float32`.
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
 */
export interface ArrayColumn extends NdArray {
  /**
   * The type of the tensors. By default `float32` if the numbers are floating-point, scaled or
   * shifted, else `int32`.
   */
  readonly dtype?: "float32" | "int32" | "bool";
  /** What each number is multiplied with. Default 1. */
  readonly scale?: number;
  /** What is added to each number after that. Default 0. */
  readonly offset?: number;
}

const supported = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Int32Array,
  Float32Array,
  Float64Array,
];
const dtypes = ["float32", "int32", "bool"];

/**
 * Checks a column, and returns what gathers rows of it into a new tensor, in a single pass.
 *
 * @param column The column.
 * @param name What errors call it.
 * @returns A function from `indices: [batch] int32`, each in range, to a tensor `[batch, ...]`
 *   that the caller owns.
 * @throws {TypeError} When the values are not a typed array that can become a tensor, or the dtype
 *   is none of the column's.
 * @throws {RangeError} When shape and values do not fit, or scale or offset are not finite.
 */
export function arrayGatherer(
  column: ArrayColumn,
  name: string,
): (indices: Int32Array) => tf.Tensor {
  const { values, shape, scale = 1, offset = 0 } = column;
  const action = `Cannot build a dataset as ${name}`;
  if (!supported.some((type) => values instanceof type)) {
    throw new TypeError(
      `${action}.values must be a typed array of at most 32-bit integers or of floating-point ` +
        `numbers: current value is of type ${Object.prototype.toString.call(values).slice(8, -1)}`,
    );
  }
  const counts = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!counts || shape.length === 0) {
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
  for (const [field, value] of Object.entries({ scale, offset })) {
    if (!Number.isFinite(value)) {
      throw new RangeError(`${action}.${field} must be finite: current value is ${value}`);
    }
  }
  const asIs = scale === 1 && offset === 0;
  const floating = !asIs || values instanceof Float32Array || values instanceof Float64Array;
  const { dtype = floating ? "float32" : "int32" } = column;
  if (!dtypes.includes(dtype)) {
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
