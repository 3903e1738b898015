import { tf } from "../deps/tfjs.ts";
import { describeValue } from "../checks/describe_value.ts";
import { MAX_STATE_DEPTH } from "./encode_state.ts";
import type { HostTensor } from "./host_tensor.ts";
import { StorageError } from "./storage_error.ts";
import { toTensor } from "./to_tensor.ts";

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
    if (!tensor) throw refused(path, `refer to a tensor of the checkpoint`, name);
    if (used.has(name as string)) throw refused(path, "refer to a tensor of its own", name);
    used.add(name as string);
    return tensor;
  };
  const list = (value: unknown, path: string): unknown[] => {
    if (Array.isArray(value)) return value;
    throw refused(path, "be a list", value);
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
        if (number === undefined) throw refused(path, "be a number", value);
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
        throw refused(path, "be a known kind of value", tag);
    }
  };
  const decode = (json: unknown, path: string, depth: number): unknown => {
    if (typeof json !== "object" || json === null) return json;
    if (depth > MAX_STATE_DEPTH) throw refused(path, `be nested at most ${MAX_STATE_DEPTH} deep`);
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

function refused(path: string, required: string, value?: unknown): StorageError {
  const actual = value === undefined ? "" : `: current value is ${describeValue(value)}`;
  return new StorageError("damaged", `Cannot restore a state as ${path} must ${required}${actual}`);
}
