import type { Dtype } from "./dtypes.ts";

/** The values of a tensor in plain memory, off the device and on no backend. */
export interface HostTensor {
  /** The element type, as safetensors names it: `"F32"`, `"I32"`, `"BOOL"`. */
  readonly dtype: Dtype;
  /** The number of elements along each axis. */
  readonly shape: readonly number[];
  /** The elements, the last axis first; `F16` and `BF16` as their bits. */
  readonly values: HostValues;
}

/** What the elements of a {@linkcode HostTensor} are held in. */
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
