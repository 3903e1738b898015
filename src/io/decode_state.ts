import type { HostTensor } from "./host_tensor.ts";
import { StorageError } from "./storage_error.ts";
import { toTensor } from "./to_tensor.ts";

/**
 * Decodes a state that `encodeState` encoded.
 *
 * @param json The JSON of the state.
 * @param tensors Values of its tensors and typed arrays, by name.
 * @param rename Returns the new name of a member of an object. Default: the same name.
 * @returns The state, with new tensors that the caller owns.
 * @throws {StorageError} If a tensor is missing.
 */
export function decodeState(
  json: unknown,
  tensors: ReadonlyMap<string, HostTensor>,
  rename: (key: string) => string = (key) => key,
): unknown {
  const decode = (json: unknown) => decodeState(json, tensors, rename);
  const pairs = (list: unknown) =>
    (list as [unknown, unknown][]).map(([key, value]) => [decode(key), decode(value)] as const);
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(decode);
  const entries = Object.entries(json);
  const [[key, value]] = entries.length === 1 ? entries : [["", undefined]];
  switch (key) {
    case "$number":
      return Number(value);
    case "$undefined":
      return undefined;
    case "$tensor":
      return toTensor(taken(value, tensors), String(value));
    case "$array":
      return taken(value, tensors).values.slice();
    case "$map":
      return new Map(pairs(value));
    case "$set":
      return new Set((value as unknown[]).map(decode));
    case "$object":
      return Object.fromEntries(pairs(value) as [string, unknown][]);
    default:
      return Object.fromEntries(entries.map(([key, inner]) => [rename(key), decode(inner)]));
  }
}

function taken(name: unknown, tensors: ReadonlyMap<string, HostTensor>): HostTensor {
  const tensor = tensors.get(String(name));
  if (tensor) return tensor;
  throw new StorageError(
    "damaged",
    `Cannot restore a state as it must have tensor ${name}: it is missing`,
  );
}
