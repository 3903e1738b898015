import { sha256 } from "../deps/node_crypto.ts";
import type { HostTensor } from "./host_tensor.ts";
import { encodeHeader } from "./safetensors_header.ts";
import { toPath } from "./to_path.ts";
import { writeAtomically } from "./write_atomically.ts";

/** How much is handed to the disk at once, so that a run has its turn in between. */
const CHUNK = 1 << 20;

/** The name of the checksum among the metadata, and what stands in its place while it is taken. */
const CHECKSUM = "sha256";
const NO_CHECKSUM = "0".repeat(64);

/** Where the checksum stands: it is the first of the metadata, and these are the first. */
export const CHECKSUM_AT = 8 + `{"__metadata__":{"${CHECKSUM}":"`.length;

/** A digest of the bytes of a whole file, its own place filled with zeros. */
export const CHECKSUM_LENGTH = NO_CHECKSUM.length;

/**
 * Writes tensors to a file in the safetensors format, atomically and with a checksum.
 *
 * The memory it needs does not grow with the tensors: they are written in pieces of 1 MiB. The
 * metadata gets `sha256`, the digest of the file with 64 zeros in that place.
 *
 * @param path Where to; an older file there is replaced in a single step.
 * @param tensors What to write, by name.
 * @param metadata Text by name. Default: none.
 * @throws {RangeError} If a tensor has a name that the format reserves.
 * @throws whatever the file system threw; then an older file there is untouched.
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
 */
export async function writeSafetensors(
  path: string | URL,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { bytes, names } = encodeHeader(tensors, { [CHECKSUM]: NO_CHECKSUM, ...metadata });
  const hash = await sha256();
  const parts = [bytes, ...names.map((name) => bytesOf(tensors.get(name)!))];
  await writeAtomically(toPath(path), async (file) => {
    for (const piece of piecesOf(parts)) {
      hash.update(piece);
      await writeAll(file, piece);
    }
    await file.seek(CHECKSUM_AT, Deno.SeekMode.Start);
    await writeAll(file, new TextEncoder().encode(hash.digest("hex")));
  });
}

function bytesOf({ values: { buffer, byteOffset, byteLength } }: HostTensor): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** The same bytes: what is large cut up, what is small joined, so that there are few writes. */
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

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}
