/**
 * Tensors from the device to plain memory, and back.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { dtypeOf, type HostTensor } from "./host_tensor.ts";

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
