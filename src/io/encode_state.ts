import { tf } from "../deps/tfjs.ts";
import { dtypeOfArray, type HostTensor, type HostValues } from "./host_tensor.ts";

/** Largest number of arrays and objects within one another in a state. */
export const MAX_STATE_DEPTH = 200;

/**
 * Encodes a state as JSON and tensors, for {@linkcode decodeState}.
 *
 * A state consists of objects, arrays, maps, sets, texts, booleans, numbers (also those that JSON
 * lacks), `null`, `undefined`, tensors and typed arrays.
 *
 * @param state The state. The caller keeps its tensors.
 * @param path Prefix of the names of its tensors: `"callbacks/0/best"`.
 * @param tensors Receives its tensors and typed arrays, by name.
 * @returns JSON.
 * @throws {TypeError} If the state contains anything else, or itself, or is nested too deeply.
 */
export function encodeState(
  state: unknown,
  path: string,
  tensors: Map<string, tf.Tensor | HostTensor>,
): unknown {
  const open = new Set<object>();
  const within = (value: object, path: string, encode: () => unknown) => {
    if (open.has(value)) throw refused(path, "be free of circles", "a circle");
    if (open.size === MAX_STATE_DEPTH) {
      throw refused(path, `be nested at most ${MAX_STATE_DEPTH} deep`, "deeper");
    }
    open.add(value);
    const encoded = encode();
    open.delete(value);
    return encoded;
  };
  // The keys 1 and "1" of a map have one path, and two tensors.
  const put = (path: string, tensor: tf.Tensor | HostTensor): string => {
    let name = path;
    for (let other = 2; tensors.has(name); other++) name = `${path}~${other}`;
    tensors.set(name, tensor);
    return name;
  };
  // A path is made only where it is needed: most of a state is numbers.
  const encode = (value: unknown, base: string, key?: unknown): unknown => {
    if (typeof value === "number") return encodeNumber(value);
    if (value === undefined) return { $undefined: true };
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    const path = key === undefined ? base : `${base}/${String(key)}`;
    if (typeof value !== "object") throw refused(path, "be data", `a ${typeof value}`);
    if (value instanceof tf.Tensor) return { $tensor: put(path, value) };
    const dtype = dtypeOfArray(value);
    if (dtype) {
      const values = (value as HostValues).slice();
      return { $array: put(path, { dtype, shape: [values.length], values }) };
    }
    const each = (values: Iterable<unknown>) =>
      Array.from(values, (inner, index) => encode(inner, path, index));
    const entries = (values: Iterable<[unknown, unknown]>) =>
      Array.from(values, ([key, inner]) => [encode(key, path), encode(inner, path, key)]);
    return within(value, path, () => {
      if (Array.isArray(value)) return each(value);
      if (value instanceof Map) return { $map: entries(value) };
      if (value instanceof Set) return { $set: each(value) };
      const prototype = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) {
        throw refused(path, "be data", `a ${value.constructor?.name}`);
      }
      const own = Object.entries(value);
      if (own.some(([key]) => key.startsWith("$"))) return { $object: entries(own) };
      return Object.fromEntries(own.map(([key, inner]) => [key, encode(inner, path, key)]));
    });
  };
  return encode(state, path);
}

function encodeNumber(value: number): unknown {
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : { $number: Object.is(value, -0) ? "-0" : String(value) };
}

function refused(path: string, required: string, actual: string): TypeError {
  return new TypeError(
    `Cannot save a state as ${path} must ${required}: current value is ${actual}`,
  );
}
