import { checkOptions } from "../checks/check_options.ts";
import { parseCsv } from "./parse_csv.ts";
import type { CsvTable } from "./dataset.ts";
import { readBytes, type ReadOptions } from "./read_bytes.ts";

/**
 * Reads a CSV file in UTF-8, gzipped or not.
 *
 * It needs permission to read the file, or to reach the server.
 *
 * @param source A path, or a URL: `file:`, or anything that `fetch()` accepts.
 * @param options Format of the file, see {@linkcode parseCsv}, and its largest size.
 * @param options.delimiter Text between cells. Default: `","`.
 * @param options.columns Names of the columns, for a file without a row of names. Default: the first
 *   row.
 * @returns The cells as texts.
 * @throws {TypeError} If there is no row of names, a name occurs twice, or an option is unknown.
 * @throws {RangeError} If a row has more or fewer cells than there are names, or the file is larger
 *   than `maxBytes`.
 * @throws {SyntaxError} If the file is not CSV.
 * @throws {Error} If the file cannot be read.
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
 *
 * @category Files of data
 */
export async function readCsv(
  source: string | URL,
  options: { delimiter?: string; columns?: readonly string[] } & ReadOptions = {},
): Promise<CsvTable> {
  checkOptions("read CSV", options, { delimiter: true, columns: true, maxBytes: true });
  const { maxBytes, ...format } = options;
  const text = new TextDecoder().decode(await readBytes(source, { maxBytes }));
  return parseCsv(text, { ...format, name: String(source) });
}
