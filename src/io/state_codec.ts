/**
 * The state of a run as JSON and tensors by name, and back.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { dtypeOfArray, type HostTensor, type HostValues, toTensor } from "./host_tensor.ts";
import { describeValue } from "../checks/check_options.ts";
import { StorageError } from "./files.ts";

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
    if (open.has(value)) throw cannotEncode(path, "be free of circles", "a circle");
    if (open.size === MAX_STATE_DEPTH) {
      throw cannotEncode(path, `be nested at most ${MAX_STATE_DEPTH} deep`, "deeper");
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
    if (typeof value !== "object") throw cannotEncode(path, "be data", `a ${typeof value}`);
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
        throw cannotEncode(path, "be data", `a ${value.constructor?.name}`);
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

function cannotEncode(path: string, required: string, actual: string): TypeError {
  return new TypeError(
    `Cannot save a state as ${path} must ${required}: current value is ${actual}`,
  );
}

/** Options of {@linkcode decodeState}. */
export interface DecodeStateOptions {
  /** Returns the new name of a member of an object. Default: the same name. */
  readonly rename?: (key: string) => string;
  /** Whether tensors are made on the device, rather than left as host tensors. Default: `true`. */
  readonly onDevice?: boolean;
}

/** The numbers that JSON lacks. */
const NUMBERS = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity], [
  "-0",
  -0,
]]);

/**
 * Decodes a state that `encodeState` encoded. The JSON may come from anywhere: no code in it is run,
 * and each tensor is used once, so that the result cannot be much larger than the file.
 *
 * @param json The JSON of the state.
 * @param tensors Values of its tensors and typed arrays, by name.
 * @param options New names, and where the tensors are.
 * @returns The state, with new tensors that the caller owns.
 * @throws {StorageError} If a tensor is missing, or the JSON is not one of a state.
 */
export function decodeState(
  json: unknown,
  tensors: ReadonlyMap<string, HostTensor>,
  { rename = (key) => key, onDevice = true }: DecodeStateOptions = {},
): unknown {
  const made: tf.Tensor[] = [];
  const used = new Set<string>();

  const take = (name: unknown, path: string): HostTensor => {
    const tensor = typeof name === "string" ? tensors.get(name) : undefined;
    if (!tensor) throw cannotDecode(path, `refer to a tensor of the checkpoint`, name);
    if (used.has(name as string)) throw cannotDecode(path, "refer to a tensor of its own", name);
    used.add(name as string);
    return tensor;
  };
  const list = (value: unknown, path: string): unknown[] => {
    if (Array.isArray(value)) return value;
    throw cannotDecode(path, "be a list", value);
  };
  const decodePairs = (value: unknown, path: string, depth: number) =>
    list(value, path).map((pair, index): [unknown, unknown] => {
      const place = `${path}[${index}]`;
      const [key, inner] = list(pair, place);
      return [decode(key, place, depth), decode(inner, place, depth)];
    });
  const decodeTagged = (tag: string, value: unknown, path: string, depth: number): unknown => {
    switch (tag) {
      case "$number": {
        const number = NUMBERS.get(value as string);
        if (number === undefined) throw cannotDecode(path, "be a number", value);
        return number;
      }
      case "$undefined":
        return undefined;
      case "$tensor": {
        const host = take(value, path);
        if (!onDevice) return host;
        const tensor = toTensor(host, path);
        made.push(tensor);
        return tensor;
      }
      case "$array":
        return take(value, path).values.slice();
      case "$map":
        return new Map(decodePairs(value, path, depth));
      case "$set":
        return new Set(list(value, path).map((item) => decode(item, path, depth)));
      case "$object":
        return Object.fromEntries(decodePairs(value, path, depth) as [string, unknown][]);
      default:
        throw cannotDecode(path, "be a known kind of value", tag);
    }
  };
  const decode = (json: unknown, path: string, depth: number): unknown => {
    if (typeof json !== "object" || json === null) return json;
    if (depth > MAX_STATE_DEPTH) {
      throw cannotDecode(path, `be nested at most ${MAX_STATE_DEPTH} deep`);
    }
    if (Array.isArray(json)) {
      return json.map((item, index) => decode(item, `${path}[${index}]`, depth + 1));
    }
    const entries = Object.entries(json);
    const [[tag, value]] = entries.length === 1 ? entries : [["", undefined]];
    if (tag.startsWith("$")) return decodeTagged(tag, value, path, depth + 1);
    return Object.fromEntries(
      entries.map(([key, inner]) => [rename(key), decode(inner, `${path}.${key}`, depth + 1)]),
    );
  };
  try {
    return decode(json, "state", 0);
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}

function cannotDecode(path: string, required: string, value?: unknown): StorageError {
  const actual = value === undefined ? "" : `: current value is ${describeValue(value)}`;
  return new StorageError("damaged", `Cannot restore a state as ${path} must ${required}${actual}`);
}
