import { checkOptions } from "../checks/check_options.ts";
import { CsvError, parse } from "../deps/csv_parse.ts";
import type { CsvTable } from "./dataset.ts";

/**
 * Reads a table in CSV: RFC 4180, <https://www.rfc-editor.org/rfc/rfc4180>, or with another
 * delimiter.
 *
 * Empty lines and a byte order mark are ignored; line ends within cells become `\n`.
 *
 * @param text The whole file.
 * @param options Format of the file.
 * @param options.delimiter Text between cells. Default: `","`.
 * @param options.columns Names of the columns, for a file without a row of names. Default: the first
 *   row.
 * @param options.name Name of the file, for errors. Default: `"the text"`.
 * @returns The cells as texts; {@linkcode csvDataset} converts them to numbers.
 * @throws {TypeError} If there is no row of names, a name occurs twice, or an option is unknown.
 * @throws {RangeError} If a row has more or fewer cells than there are names. The error names its
 *   line.
 * @throws {SyntaxError} If the text is not CSV: for example, a quote is never closed.
 *
 * @example
 * ```ts
 * import { parseCsv } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { columns, rows } = parseCsv('width,name\n3.5,"Rose, red"\n4,Lily\n');
 * assertEquals(columns, ["width", "name"]);
 * assertEquals(rows, [["3.5", "Rose, red"], ["4", "Lily"]]);
 * ```
 *
 * @category Files of data
 */
export function parseCsv(
  text: string,
  options: { delimiter?: string; columns?: readonly string[]; name?: string } = {},
): CsvTable {
  checkOptions("read CSV", options, { delimiter: true, columns: true, name: true });
  const { delimiter = ",", columns, name = "the text" } = options;
  const records = parseRecords(text, delimiter, name);
  const names = columns ?? records.shift()?.cells;
  if (!names) {
    throw new TypeError(
      `Cannot read ${name} as CSV as it must have a row of column names: it has no rows`,
    );
  }
  const seen = new Set<string>();
  const twice = names.find((column) => seen.size === seen.add(column).size);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot read ${name} as CSV as the names of its columns must differ: "${twice}" is there twice`,
    );
  }
  for (const { cells, line } of records) {
    if (cells.length !== names.length) {
      throw new RangeError(
        `Cannot read ${name} as CSV as line ${line} must have ${names.length} cells, one per ` +
          `column: it has ${cells.length}`,
      );
    }
  }
  return {
    columns: [...names],
    rows: records.map(({ cells }) => cells),
    lines: records.map(({ line }) => line),
  };
}

function parseRecords(
  text: string,
  delimiter: string,
  name: string,
): { cells: string[]; line: number }[] {
  try {
    // The parser counts \r\n within quotes as two lines.
    const records = parse(text.replaceAll("\r\n", "\n"), {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    });
    return records.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new SyntaxError(
      `Cannot read ${name} as CSV as quotes must be in pairs and enclose whole cells: ${cause.message}`,
      { cause },
    );
  }
}
