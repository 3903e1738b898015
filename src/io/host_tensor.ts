import { all, type FieldCheck, integer, list, oneOf, record, that } from "../checks/fields.ts";
import type { tf } from "../deps/tfjs.ts";

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
