import type { NdArray, TypedArray } from "./dataset.ts";

/** Readers of each element type of the format, by its code. */
const TYPES: Record<number, (bytes: DataView, length: number) => TypedArray> = {
  0x08: (view, length) => new Uint8Array(view.buffer, view.byteOffset, length),
  0x09: (view, length) => new Int8Array(view.buffer, view.byteOffset, length),
  0x0b: (view, length) => Int16Array.from({ length }, (_, index) => view.getInt16(2 * index)),
  0x0c: (view, length) => Int32Array.from({ length }, (_, index) => view.getInt32(4 * index)),
  0x0d: (view, length) => Float32Array.from({ length }, (_, index) => view.getFloat32(4 * index)),
  0x0e: (view, length) => Float64Array.from({ length }, (_, index) => view.getFloat64(8 * index)),
};
/** Bytes per element, by code. */
const WIDTHS: Record<number, number> = { 0x08: 1, 0x09: 1, 0x0b: 2, 0x0c: 4, 0x0d: 4, 0x0e: 8 };

/**
 * Reads an array in the IDX format, the format of MNIST.
 *
 * The format: two zero bytes, the code of the element type, the number of axes, the size of each
 * axis, then the elements in row-major order; all numbers are big-endian. From LeCun, Cortes,
 * Burges: "The MNIST database of handwritten digits", <http://yann.lecun.com/exdb/mnist/>.
 *
 * @param bytes The whole file, unpacked. A result of bytes is a view of it; others are copies.
 * @param name Name of the file, for errors. Default: `"the bytes"`.
 * @returns The elements, as uint8, int8, int16, int32, float32 or float64, and their shape.
 * @throws {TypeError} If the bytes are not an IDX file.
 * @throws {RangeError} If there are fewer or more bytes than the header says.
 *
 * @example
 * ```ts
 * import { parseIdx } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = Uint8Array.of(0, 0, 0x08, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
 * const { values, shape } = parseIdx(bytes);
 * assertEquals(shape, [2, 3]);
 * assertEquals([...values], [1, 2, 3, 4, 5, 6]);
 * ```
 *
 * @category Files of data
 */
export function parseIdx(bytes: Uint8Array, name = "the bytes"): NdArray {
  const action = `Cannot read ${name} as IDX as`;
  const head = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0"));
  if (bytes.length < 4) {
    throw new RangeError(
      `${action} there must be 4 bytes of magic number: current value is ${bytes.length} bytes`,
    );
  }
  const [zero, alsoZero, code, axes] = bytes;
  if (zero !== 0 || alsoZero !== 0) {
    throw new TypeError(
      `${action} the magic number must begin with 00 00: current value is ${head.join(" ")}`,
    );
  }
  if (!(code in TYPES)) {
    throw new TypeError(
      `${action} the type code must be one of 08, 09, 0b, 0c, 0d, 0e: current value is ${head[2]}`,
    );
  }
  const start = 4 + 4 * axes;
  if (bytes.length < start) {
    throw new RangeError(
      `${action} the sizes of ${axes} axes must be within ${start} bytes: current value is ` +
        `${bytes.length} bytes`,
    );
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape = Array.from({ length: axes }, (_, axis) => header.getUint32(4 + 4 * axis));
  const length = shape.reduce((product, size) => product * size, 1);
  const expected = start + length * WIDTHS[code];
  if (bytes.length !== expected) {
    throw new RangeError(
      `${action} there must be ${expected} bytes for shape [${shape.join(", ")}] and type ` +
        `${head[2]}: current value is ${bytes.length} bytes`,
    );
  }
  return {
    values: TYPES[code](new DataView(bytes.buffer, bytes.byteOffset + start), length),
    shape,
  };
}
