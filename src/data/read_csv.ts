import type { CsvTable } from "./csv_table.ts";
import { parseCsv } from "./parse_csv.ts";
import { readBytes } from "./read_bytes.ts";

/**
 * Reads a CSV file in UTF-8, gzipped or not.
 *
 * It needs the permission to read the file, or to reach the server.
 *
 * @param source A path, or a `file:`, `http:` or `https:` URL.
 * @param options How it is written, see {@linkcode parseCsv}.
 * @param options.delimiter What is between cells, default `","`.
 * @param options.columns The names of the columns, for a file without them.
 * @returns The cells as text.
 * @throws {TypeError} When there is no row of names, or a name occurs twice.
 * @throws {RangeError} When a row has more or fewer cells than there are names.
 * @throws {SyntaxError} When the file is not CSV.
 * @throws {Error} When it cannot be read.
 *
 * @example
 * ```ts
 * import { csvDataset, type Dataset, readCsv } from "@trainchart/trainchart";
 *
 * async function houses(path: string): Promise<Dataset> {
 *   return csvDataset(await readCsv(path), { data: ["rooms", "area"], labels: "price" });
 * }
 * ```
 */
export async function readCsv(
  source: string | URL,
  options: { delimiter?: string; columns?: readonly string[] } = {},
): Promise<CsvTable> {
  const text = new TextDecoder().decode(await readBytes(source));
  return parseCsv(text, { ...options, name: String(source) });
}
