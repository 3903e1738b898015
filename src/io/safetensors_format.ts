/**
 * The format of a safetensors file, and its writing: the length of a JSON text as 64 bits, the text,
 * then the data.
 *
 * ```json
 * { "__metadata__": { "format": "pt" }, "bias": { "dtype": "F32", "shape": [2], "data_offsets": [0, 8] } }
 * ```
 *
 * Hugging Face, "Safetensors", 2022, https://huggingface.co/docs/safetensors
 *
 * @module
 */
import { sha256 } from "../host/files.ts";
import { type JsonLimits, parseJson } from "../text/text.ts";
import { type Dtype, DTYPES, type HostTensor } from "./host_tensor.ts";
import { StorageError, toPath, writeAtomically } from "./files.ts";

/** Largest header, in bytes: 100 MB, as in the reference implementation. */
export const LARGEST_HEADER = 100_000_000;

/** An entry is an object with arrays in the header's object. */
const HEADER_LIMITS: JsonLimits = { depth: 3, values: 1 << 23 };

/** Key of the metadata, which no tensor may have. */
const METADATA = "__metadata__";

/**
 * Element type, shape and position of a tensor in a file.
 *
 * @category Files
 */
export interface HeaderEntry {
  /** Element type. A type that this version does not know can be listed, but not read. */
  readonly dtype: Dtype;
  /** Number of elements along each axis. */
  readonly shape: readonly number[];
  /** Byte range [begin, end) of the data, relative to the end of the header. */
  readonly offsets: readonly [number, number];
}

/** Content of a header. */
export interface Header {
  /** Tensors by name, in the order of their data. */
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  /** Texts by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Lays out tensors, those with the widest elements first, so that each is aligned.
 *
 * @param tensors Tensors by name.
 * @param metadata Texts by name, which are written first, in this order.
 * @returns The bytes before the data, and the names in the order of their data.
 * @throws {RangeError} If a tensor has the name that the format reserves, or the header is too
 *   large.
 */
function encodeHeader(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
): { bytes: Uint8Array<ArrayBuffer>; names: string[] } {
  const names = [...tensors.keys()].sort((a, b) => width(tensors, b) - width(tensors, a));
  const members = Object.entries(metadata).map(([key, text]) => member(key, text)).join(",");
  const parts = [`${JSON.stringify(METADATA)}:{${members}}`];
  let offset = 0;
  for (const name of names) {
    if (name === METADATA) {
      throw new RangeError(`Cannot write a tensor: the name ${METADATA} is reserved by the format`);
    }
    const { dtype, shape, values } = tensors.get(name)!;
    const data_offsets = [offset, offset += values.byteLength];
    parts.push(member(name, { dtype, shape, data_offsets }));
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > LARGEST_HEADER) {
    throw new RangeError(
      `Cannot write tensors as their header must have at most ${LARGEST_HEADER} bytes: ` +
        `it has ${length}`,
    );
  }
  const bytes = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return { bytes, names };
}

/**
 * Reads a header and checks all of it: sizes must fit shapes, and tensors must cover the data
 * without gaps or overlaps.
 *
 * @param bytes The JSON text.
 * @param dataLength Number of bytes that follow the header.
 * @param path Path of the file, for errors.
 * @throws {StorageError} If the header is damaged.
 */
export function decodeHeader(bytes: Uint8Array, dataLength: number, path: string): Header {
  const { [METADATA]: metadata = {}, ...rest } = parse(bytes, path);
  if (!isRecord(metadata) || Object.values(metadata).some((text) => typeof text !== "string")) {
    throw damaged(path, "its metadata must be texts");
  }
  const entries = Object.entries(rest).map(([name, entry]) => [name, toEntry(name, entry, path)]);
  const sorted = (entries as [string, HeaderEntry][]).sort(([, { offsets: a }], [, b]) =>
    a[0] - b.offsets[0] || a[1] - b.offsets[1]
  );
  let end = 0;
  for (const [name, { offsets }] of sorted) {
    if (offsets[0] !== end) throw damaged(path, `tensor ${name} must begin at byte ${end}`);
    end = offsets[1];
  }
  if (end !== dataLength) {
    throw damaged(path, `its data must have ${end} bytes: it has ${dataLength}`);
  }
  return { entries: new Map(sorted), metadata: metadata as Record<string, string> };
}

/** Returns the error for a damaged file. */
export function damaged(path: string, why: string, cause?: unknown): StorageError {
  return new StorageError("damaged", `Cannot read ${path} as ${why}`, [], { cause });
}

function member(key: string, value: unknown): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

function width(tensors: ReadonlyMap<string, HostTensor>, name: string): number {
  return tensors.get(name)!.values.BYTES_PER_ELEMENT;
}

function parse(bytes: Uint8Array, path: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), HEADER_LIMITS);
  } catch (cause) {
    throw damaged(path, "its header must be JSON of a flat list of tensors", cause);
  }
  if (!isRecord(json)) throw damaged(path, "its header must be a JSON object");
  return json;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toEntry(name: string, entry: unknown, path: string): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  const counts = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((count) => Number.isSafeInteger(count) && count >= 0);
  if (typeof dtype !== "string" || !counts(shape) || !counts(offsets) || offsets.length !== 2) {
    throw damaged(path, `tensor ${name} must have a dtype, a shape and data_offsets`);
  }
  const [begin, end] = offsets;
  const bytes = Object.hasOwn(DTYPES, dtype)
    ? shape.reduce((size, axis) => size * axis, DTYPES[dtype as Dtype].BYTES_PER_ELEMENT)
    : end - begin;
  if (end < begin || end - begin !== bytes) {
    throw damaged(path, `tensor ${name} must have ${bytes} bytes: it has ${end - begin}`);
  }
  return { dtype: dtype as Dtype, shape, offsets: [begin, end] };
}

/** Number of bytes that are written at once, so that a run can continue in between. */
const CHUNK = 1 << 20;

/** Name of the checksum in the metadata, and its placeholder while it is computed. */
const CHECKSUM = "sha256";
const NO_CHECKSUM = "0".repeat(64);

/** Position of the checksum: the metadata come first, and the checksum is the first of them. */
export const CHECKSUM_AT: number = 8 + `{"__metadata__":{"${CHECKSUM}":"`.length;

/** Length of the checksum: the digest of the whole file with the placeholder in its place. */
export const CHECKSUM_LENGTH: number = NO_CHECKSUM.length;

/**
 * Writes tensors to a file in the safetensors format, atomically and with a checksum.
 *
 * Its memory does not grow with the tensors: they are written in pieces of 1 MiB. The metadata get
 * `sha256`, the digest of the file with 64 zeros in its place.
 *
 * @param path Path of the file, or a `file:` URL. An older file is replaced in a single step.
 * @param tensors Tensors by name.
 * @param metadata Texts by name. Default: none.
 * @throws {RangeError} If a tensor has the name that the format reserves.
 * @throws {Error} If the file system fails. An older file is then unchanged.
 *
 * @example
 * ```ts
 * import { SafetensorsFile, writeSafetensors } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * const granted = await Deno.permissions.query({ name: "write" });
 * if (granted.state === "granted") {
 *   const path = await Deno.makeTempFile();
 *   const weight = { dtype: "F32", shape: [2], values: Float32Array.of(1, 2) } as const;
 *   await writeSafetensors(path, new Map([["weight", weight]]));
 *   using file = await SafetensorsFile.open(path);
 *   assertEquals(await file.read("weight"), weight);
 *   await Deno.remove(path);
 * }
 * ```
 *
 * @category Files
 */
export async function writeSafetensors(
  path: string | URL,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { bytes, names } = encodeHeader(tensors, { [CHECKSUM]: NO_CHECKSUM, ...metadata });
  const hash = sha256();
  const parts = [bytes, ...names.map((name) => bytesOf(tensors.get(name)!))];
  await writeAtomically(toPath(path), async (file) => {
    for (const piece of piecesOf(parts)) {
      hash.update(piece);
      await file.write(piece);
    }
    await file.write(new TextEncoder().encode(hash.digest("hex")), CHECKSUM_AT);
  });
}

function bytesOf({ values: { buffer, byteOffset, byteLength } }: HostTensor): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** Cuts large parts up and joins small ones, so that there are few writes. */
function* piecesOf(parts: readonly Uint8Array[]): Iterable<Uint8Array> {
  const joined = new Uint8Array(CHUNK);
  let used = 0;
  for (const part of parts) {
    for (let begin = 0; begin < part.length;) {
      const piece = part.subarray(begin, begin + CHUNK - used);
      begin += piece.length;
      if (piece.length === CHUNK) yield piece;
      else {
        joined.set(piece, used);
        used += piece.length;
        if (used < CHUNK) continue;
        yield joined;
        used = 0;
      }
    }
  }
  yield joined.subarray(0, used);
}
