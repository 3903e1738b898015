import { sha256 } from "../host/files.ts";
import type { HostTensor } from "./host_tensor.ts";
import { encodeHeader } from "./safetensors_header.ts";
import { toPath, writeAtomically } from "./write_file.ts";

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
