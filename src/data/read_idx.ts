import type { NdArray } from "./nd_array.ts";
import { parseIdx } from "./parse_idx.ts";
import { readBytes } from "./read_bytes.ts";

/**
 * Reads a file in the IDX format, gzipped or not.
 *
 * It needs the permission to read the file, or to reach the server.
 *
 * @param source A path, or a URL: of a file, or of what `fetch()` gets.
 * @returns The elements, in the file's own type, and their shape; see {@linkcode parseIdx}.
 * @throws {TypeError} When the file is no IDX file.
 * @throws {RangeError} When it is shorter or longer than its header says.
 * @throws {Error} When it cannot be read.
 *
 * @example
 * ```ts
 * import { readIdx } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = await readIdx(new URL("data:;base64,AAAIAQAAAAMFAAQ="));
 * assertEquals(labels, { values: Uint8Array.of(5, 0, 4), shape: [3] });
 * ```
 */
export async function readIdx(source: string | URL): Promise<NdArray> {
  return parseIdx(await readBytes(source), String(source));
}
