import { checkOptions } from "../checks/check_options.ts";
import type { NdArray } from "./dataset.ts";
import { parseIdx } from "./parse_idx.ts";
import { readBytes, type ReadOptions } from "./read_bytes.ts";

/**
 * Reads a file in the IDX format, gzipped or not.
 *
 * It needs permission to read the file, or to reach the server.
 *
 * @param source A path, or a URL: `file:`, or anything that `fetch()` accepts.
 * @param options The largest size of the file.
 * @returns The elements, in the type that the file has, and their shape; see {@linkcode parseIdx}.
 * @throws {TypeError} If the file is not an IDX file, or an option is unknown.
 * @throws {RangeError} If the file is shorter or longer than its header says, or larger than
 *   `maxBytes`.
 * @throws {Error} If the file cannot be read.
 *
 * @example
 * ```ts
 * import { readIdx } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = await readIdx(new URL("data:;base64,AAAIAQAAAAMFAAQ="));
 * assertEquals(labels, { values: Uint8Array.of(5, 0, 4), shape: [3] });
 * ```
 *
 * @category Files of data
 */
export async function readIdx(
  source: string | URL,
  options: ReadOptions = {},
): Promise<NdArray> {
  checkOptions("read IDX", options, { maxBytes: true });
  return parseIdx(await readBytes(source, options), String(source));
}
