/**
 * Tensors in plain memory: their form in files, and their way from the device and back.
 *
 * @module
 */
import { all, type FieldCheck, integer, list, oneOf, record, that } from "../checks/fields.ts";
import { tf } from "../deps/tfjs.ts";

/**
 * Name of an element type of the safetensors format.
 *
 * @category Files
 */
export type Dtype =
  | "F64"
  | "I64"
  | "U64"
  | "F32"
  | "I32"
  | "U32"
  | "F16"
  | "BF16"
  | "I16"
  | "U16"
  | "I8"
  | "U8"
  | "BOOL";

/**
 * Element types of the safetensors format, and the typed array that holds each.
 *
 * @category Files
 */
export const DTYPES: {
  readonly F64: Float64ArrayConstructor;
  readonly I64: BigInt64ArrayConstructor;
  readonly U64: BigUint64ArrayConstructor;
  readonly F32: Float32ArrayConstructor;
  readonly I32: Int32ArrayConstructor;
  readonly U32: Uint32ArrayConstructor;
  readonly F16: Uint16ArrayConstructor;
  readonly BF16: Uint16ArrayConstructor;
  readonly I16: Int16ArrayConstructor;
  readonly U16: Uint16ArrayConstructor;
  readonly I8: Int8ArrayConstructor;
  readonly U8: Uint8ArrayConstructor;
  readonly BOOL: Uint8ArrayConstructor;
} = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/**
 * Values of a tensor in plain memory, independent of any backend.
 *
 * @category Files
 */
export interface HostTensor {
  /** Element type, by its name in safetensors: `"F32"`, `"I32"`, `"BOOL"`. */
  readonly dtype: Dtype;
  /** Number of elements along each axis. */
  readonly shape: readonly number[];
  /** Elements in row-major order: the last axis varies fastest. `F16` and `BF16` are kept as bits. */
  readonly values: HostValues;
}

/**
 * Typed arrays that hold the elements of a {@linkcode HostTensor}.
 *
 * @category Files
 */
export type HostValues =
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Accepts arrays of bytes. */
export const bytes: FieldCheck = that("must be bytes", (value) => value instanceof Uint8Array);

/** Accepts host tensors whose values fit their type and shape. */
export const hostTensor: FieldCheck = (value, path) => layout(value, path) ?? content(value, path);

/** Accepts host tensors of one shape. */
export function hostTensorOf(shape: readonly number[]): FieldCheck {
  return all(
    hostTensor,
    that(
      `must have the shape [${shape}]`,
      (value) => `${(value as HostTensor).shape}` === `${shape}`,
    ),
  );
}

/** The element types of TensorFlow.js that can be saved, and their names in safetensors. */
export const TENSOR_DTYPES: Readonly<Record<string, Dtype>> = {
  float32: "F32",
  int32: "I32",
  bool: "BOOL",
};

const layout = record({
  dtype: oneOf(Object.keys(DTYPES)),
  shape: list(integer({ min: 0 })),
});

const content = that("must have the type and the number of values that its shape says", (value) => {
  const { dtype, shape, values } = value as HostTensor;
  return values instanceof DTYPES[dtype] && values.length === shape.reduce((a, b) => a * b, 1);
});

/** These are kept as integers: an array of integers is not one of them. */
const KEPT_AS_BITS = ["F16", "BF16", "BOOL"];

const ARRAY_DTYPES = new Map(
  Object.entries(DTYPES).filter(([dtype]) => !KEPT_AS_BITS.includes(dtype))
    .map(([dtype, constructor]) => [constructor as unknown, dtype as Dtype]),
);

/**
 * Returns the element type of a tensor, as safetensors names it.
 *
 * @param name Name of the tensor, for the error.
 * @param tensor The tensor.
 * @throws {TypeError} If safetensors has no such type.
 */
export function dtypeOf(name: string, { dtype }: tf.Tensor): Dtype {
  if (Object.hasOwn(TENSOR_DTYPES, dtype)) return TENSOR_DTYPES[dtype];
  throw new TypeError(
    `Cannot save tensor ${name} as its dtype must be float32, int32 or bool: ` +
      `current value is ${dtype}`,
  );
}

/** Returns the element type of a typed array; `undefined` for anything else. */
export function dtypeOfArray(value: object): Dtype | undefined {
  return ARRAY_DTYPES.get(value.constructor);
}

/** Backends that return a copy of the values; others may return their own memory. */
const COPIES = new Set(["wasm"]);

/**
 * Copies tensors off the device.
 *
 * It copies the values at the time of the call, even if variables change before they are read.
 *
 * @param tensors Tensors by name, which the caller keeps. A {@linkcode HostTensor} is passed through.
 * @returns The values, by the same names.
 * @throws {TypeError} If a tensor holds strings or complex numbers.
 */
export async function readTensors(
  tensors: ReadonlyMap<string, tf.Tensor | HostTensor>,
): Promise<Map<string, HostTensor>> {
  const clones: tf.Tensor[] = [];
  try {
    const reads = [...tensors].map(async ([name, tensor]): Promise<[string, HostTensor]> => {
      if (!(tensor instanceof tf.Tensor)) return [name, tensor];
      const dtype = dtypeOf(name, tensor);
      const clone = tensor.clone();
      clones.push(clone);
      const read = await clone.data() as HostTensor["values"];
      const values = COPIES.has(tf.getBackend()) ? read : read.slice();
      return [name, { dtype, shape: [...tensor.shape], values }];
    });
    return new Map(await Promise.all(reads));
  } finally {
    tf.dispose(clones);
  }
}

/**
 * Makes a tensor of values in plain memory. Half and double precision become `float32`, integers
 * `int32`.
 *
 * @param host The values, which are copied.
 * @param name Name of the tensor, for errors. Default: `"tensor"`.
 * @returns The tensor, which the caller owns.
 * @throws {RangeError} If an integer does not fit into 32 bits.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { toTensor } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * const half = toTensor({ dtype: "F16", shape: [2], values: Uint16Array.of(0x3c00, 0xc000) });
 * assertEquals(half.dtype, "float32");
 * assertEquals([...half.dataSync()], [1, -2]);
 * half.dispose();
 * ```
 *
 * @category Files
 */
export function toTensor({ dtype, shape, values }: HostTensor, name = "tensor"): tf.Tensor {
  const make = (data: Float32Array | Int32Array | Uint8Array, type: "float32" | "int32" | "bool") =>
    tf.tensor(data, [...shape], type);
  switch (dtype) {
    case "F32":
      return make((values as Float32Array).slice(), "float32");
    case "F64":
      return make(Float32Array.from(values as Float64Array), "float32");
    case "F16":
      return make(Float32Array.from(values as Uint16Array, fromHalf), "float32");
    case "BF16":
      return make(fromBrain(values as Uint16Array), "float32");
    case "BOOL":
      return make((values as Uint8Array).slice(), "bool");
    default:
      return make(toInt32(values, name), "int32");
  }
}

/** Decodes IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function fromHalf(bits: number): number {
  const exponent = bits >> 10 & 31;
  const fraction = bits & 1023;
  const size = exponent === 0
    ? fraction * 2 ** -24
    : exponent === 31
    ? fraction === 0 ? Infinity : NaN
    : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

/** Decodes bfloat16: the upper half of a float32. */
function fromBrain(values: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(values, (bits) => bits << 16).buffer);
}

function toInt32(values: HostTensor["values"], name: string): Int32Array {
  const integers = new Int32Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value = Number(values[index]);
    if (value > 0x7fffffff || value < -0x80000000) {
      throw new RangeError(
        `Cannot load ${name} as its integers must fit into 32 bits: element ${index} is ${value}`,
      );
    }
    integers[index] = value;
  }
  return integers;
}
