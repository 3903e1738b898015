import { CsvError, parse } from "../deps/csv_parse.ts";

/**
 * A table of text: the content of a CSV file.
 *
 * @example
 * ```ts
 * import { type CsvTable, parseCsv } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const table: CsvTable = parseCsv("x,y\n1,2\n");
 * assertEquals(table, { columns: ["x", "y"], rows: [["1", "2"]], lines: [2] });
 * ```
 */
export interface CsvTable {
  /** The name of each column; no two are the same. */
  readonly columns: readonly string[];
  /** The cells of each row, one for each column, without quotes and surrounding blanks. */
  readonly rows: readonly (readonly string[])[];
  /** The line of the file, from 1, on which each row ends. */
  readonly lines: readonly number[];
}

/**
 * Reads a table in CSV: RFC 4180, <https://www.rfc-editor.org/rfc/rfc4180>, or with another
 * delimiter.
 *
 * Empty lines are left out, and so is a byte order mark; line ends within cells become `\n`.
 *
 * @param text The whole file.
 * @param options How it is written.
 * @param options.delimiter What is between cells, default `","`.
 * @param options.columns The names of the columns, for a file without them. By default, the first
 *   row has the names.
 * @param options.name What errors call the file.
 * @returns The cells as text; {@linkcode csvDataset} makes numbers of them.
 * @throws {TypeError} When there is no row of names, or a name occurs twice.
 * @throws {RangeError} When a row has more or fewer cells than there are names, with its line.
 * @throws {SyntaxError} When the text is not CSV: a quote is never closed, for instance.
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
 */
export function parseCsv(
  text: string,
  { delimiter = ",", columns, name = "the text" }: {
    delimiter?: string;
    columns?: readonly string[];
    name?: string;
  } = {},
): CsvTable {
  const records = parseRecords(text, delimiter, name);
  const names = columns ?? records.shift()?.cells;
  if (!names) {
    throw new TypeError(
      `Cannot read ${name} as CSV as the first row must have the names of the columns: ` +
        "current value is no row",
    );
  }
  const twice = names.find((column, index) => names.indexOf(column) !== index);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot read ${name} as CSV as no two columns must have the same name: ` +
        `current value is "${twice}" twice`,
    );
  }
  for (const { cells, line } of records) {
    if (cells.length !== names.length) {
      throw new RangeError(
        `Cannot read ${name} as CSV as line ${line} must have a cell for each of the ` +
          `${names.length} columns: current value is ${cells.length} cells`,
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
    // The parser would count a line end of two characters within quotes as two lines.
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
      `Cannot read ${name} as CSV as quotes must be in pairs, around whole cells: ${cause.message}`,
      { cause },
    );
  }
}
