import type { NdArray } from "./nd_array.ts";
import { parseIdx } from "./parse_idx.ts";
import { readBytes } from "./read_bytes.ts";

/**
 * Reads a file in the IDX format, gzipped or not.
 *
 * It needs the permission to read the file, or to reach the server.
 *
 * @param source A path, or a `file:`, `http:` or `https:` URL.
 * @returns The elements, in the file's own type, and their shape; see {@linkcode parseIdx}.
 * @throws {TypeError} When the file is no IDX file.
 * @throws {RangeError} When it is shorter or longer than its header says.
 * @throws {Error} When it cannot be read.
 *
 * @example
 * ```ts
 * import { type Dataset, readIdx, TensorDataset } from "@trainchart/trainchart";
 *
 * async function mnist(folder: string): Promise<Dataset> {
 *   const images = await readIdx(`${folder}/train-images-idx3-ubyte.gz`);
 *   const labels = await readIdx(`${folder}/train-labels-idx1-ubyte.gz`);
 *   return new TensorDataset({ data: { ...images, scale: 1 / 255 }, labels });
 * }
 * ```
 */
export async function readIdx(source: string | URL): Promise<NdArray> {
  return parseIdx(await readBytes(source), String(source));
}
