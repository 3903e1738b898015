import { type CsvTable, parseCsv } from "./parse_csv.ts";
import { readBytes } from "./read_bytes.ts";

/**
 * Reads a CSV file in UTF-8, gzipped or not.
 *
 * It needs the permission to read the file, or to reach the server.
 *
 * @param source A path, or a URL: of a file, or of what `fetch()` gets.
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
 * import { csvDataset, readCsv } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const table = await readCsv(new URL("data:,rooms,area,price%0A3,70,210%0A4,95,260"));
 * const dataset = csvDataset(table, { data: ["rooms", "area"], labels: "price" });
 * assertEquals(dataset.length, 2);
 * ```
 */
export async function readCsv(
  source: string | URL,
  options: { delimiter?: string; columns?: readonly string[] } = {},
): Promise<CsvTable> {
  const text = new TextDecoder().decode(await readBytes(source));
  return parseCsv(text, { ...options, name: String(source) });
}
