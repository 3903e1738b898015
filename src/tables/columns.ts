/**
 * Columns of a table: their cells, their kinds, and those of numbers.
 *
 * @module
 */
import { checkOptions, describeValue } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import type { CsvTable } from "../data/dataset.ts";

/** A cell, and where it is, for errors. */
export interface Cell {
  /** Text of the cell; `""` if the value is missing. */
  readonly text: string;
  /** Place of the cell: `"line 4, column age"`. */
  readonly place: string;
}

/**
 * A row of a table by the names of its columns. A missing value is `null`, `undefined` or NaN.
 *
 * @category Tables
 */
export type TableRow = Readonly<
  Record<string, string | number | boolean | Date | null | undefined>
>;

/** The cells of a table, or of rows by name, column by column. */
export class Cells {
  /** Number of rows. */
  readonly rows: number;
  readonly #missing: ReadonlySet<string>;
  readonly #source: CsvTable | readonly TableRow[];

  constructor(source: CsvTable | readonly TableRow[], missing: ReadonlySet<string>) {
    this.#source = source;
    this.#missing = missing;
    this.rows = isTable(source) ? source.rows.length : source.length;
  }

  /** The cells of a column, a row each. */
  of(column: string): Cell[] {
    const source = this.#source;
    if (!isTable(source)) {
      return source.map((row, index) => {
        if (!Object.hasOwn(row, column)) {
          throw new RangeError(
            `Cannot encode a table as row ${index} must have a column ${column} (null, if the value ` +
              `is missing): its columns are ${Object.keys(row).join(", ")}`,
          );
        }
        return this.#cell(textOf(row[column]), `row ${index}, column ${column}`);
      });
    }
    const place = source.columns.indexOf(column);
    if (place < 0) {
      throw new RangeError(
        `Cannot encode a table as it must have a column ${column}: its columns are ` +
          source.columns.join(", "),
      );
    }
    return source.rows.map((row, index) =>
      this.#cell(row[place], `line ${source.lines[index]}, column ${column}`)
    );
  }

  #cell(text: string, place: string): Cell {
    return { text: this.#missing.has(text) ? "" : text, place };
  }
}

function isTable(source: CsvTable | readonly TableRow[]): source is CsvTable {
  return !Array.isArray(source) && "rows" in source;
}

function textOf(value: TableRow[string]): string {
  if (value === undefined || value === null || Number.isNaN(value)) return "";
  return value instanceof Date ? value.toISOString() : String(value);
}

/**
 * A kind of column, with its options: it learns what it needs from the cells of the training part,
 * and then encodes any cell.
 *
 * @template Fitted What it learns: plain JSON.
 */
export interface ColumnKind<Fitted> {
  /** Learns from the cells of the training part. */
  fit(cells: readonly Cell[]): Fitted;
  /** Names of the numbers that a cell becomes, given the name of its column. */
  names(column: string, fitted: Fitted): string[];
  /** Encodes a cell as one number for each name. */
  encode(cell: Cell, fitted: Fitted): number[];
  /** Accepts what was learnt, in a file. */
  readonly check: field.FieldCheck;
}

/**
 * The conversion of a column of a table to numbers: {@linkcode numeric}, {@linkcode oneHot},
 * {@linkcode ordinal} or {@linkcode dateParts}.
 *
 * @category Tables
 */
export interface TableColumn {
  /** The kind of column. */
  readonly kind: "numeric" | "oneHot" | "ordinal" | "dateParts";
  /** Its options, as plain JSON. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Returns the error for a cell that cannot be encoded. */
export function wrongCell({ text, place }: Cell, required: string): TypeError {
  return new TypeError(
    `Cannot encode a table as ${place} must be ${required}: current value is ${
      describeValue(text)
    }`,
  );
}

/**
 * Options of {@linkcode numeric}.
 *
 * @category Tables
 */
export interface NumericOptions {
  /**
   * Value of missing cells: a number, or that of the training part. If any cell of the training part
   * is missing, a second number says whether the cell was; `"refuse"` makes a missing cell an error.
   * Default: `"median"`.
   */
  readonly missing?: "median" | "mean" | "refuse" | number;
  /**
   * Whether numbers are shifted and scaled to mean 0 and standard deviation 1, as in the training
   * part. Default: `true`.
   */
  readonly standardize?: boolean;
}

interface Fitted {
  readonly mean: number;
  readonly deviation: number;
  readonly fill: number | null;
  readonly marksMissing: boolean;
}

/**
 * A column of numbers, standardised, with missing values filled.
 *
 * As `StandardScaler` and `SimpleImputer` of scikit-learn, `Normalization` of Keras, and `Normalize`
 * and `FillMissing` of fast.ai.
 *
 * @param options Missing values, and scale.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { numeric, parseCsv, TableEncoder } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const train = parseCsv("age,pays\n20,no\n40,yes\n,yes\n");
 * const encoder = TableEncoder.fit(train, { age: numeric() });
 * assertEquals(encoder.features, ["age", "age is missing"]);
 * const { values } = encoder.encode([{ age: 40 }, { age: null }]);
 * assertEquals([...values], [1, 0, 0, 1]); // one deviation above the mean; the median, marked
 * ```
 *
 * @category Tables
 */
export function numeric(options: NumericOptions = {}): TableColumn {
  checkOptions("encode a column of numbers", options, { missing: true, standardize: "flag" });
  const { missing = "median", standardize = true } = options;
  const isKnown = ["median", "mean", "refuse"].includes(missing as string);
  if (!isKnown && !Number.isFinite(missing)) {
    throw new TypeError(
      'Cannot encode a column of numbers as missing must be a number, "median", "mean" or ' +
        `"refuse": current value is ${describeValue(missing)}`,
    );
  }
  return { kind: "numeric", options: { missing, standardize } };
}

/** Fits and encodes columns of numbers. */
export function numericKind({ missing, standardize }: NumericOptions): ColumnKind<Fitted> {
  return {
    fit(cells) {
      const numbers = cells.filter(({ text }) => text !== "").map(toNumber);
      const marksMissing = numbers.length < cells.length && missing !== "refuse";
      const [mean, deviation] = standardize ? statisticsOf(numbers) : [0, 1];
      const fill = missing === "refuse"
        ? null
        : missing === "median"
        ? medianOf(numbers)
        : missing === "mean"
        ? statisticsOf(numbers)[0]
        : missing as number;
      return { mean, deviation, fill, marksMissing };
    },
    names: (column, { marksMissing }) => marksMissing ? [column, `${column} is missing`] : [column],
    encode(cell, { mean, deviation, fill, marksMissing }) {
      const isMissing = cell.text === "";
      if (isMissing && fill === null) throw wrongCell(cell, "a finite number");
      const number = ((isMissing ? fill! : toNumber(cell)) - mean) / deviation;
      return marksMissing ? [number, Number(isMissing)] : [number];
    },
    check: field.record({
      mean: field.number(),
      deviation: field.number({ above: 0 }),
      fill: field.nullable(field.number()),
      marksMissing: field.flag,
    }),
  };
}

function toNumber(cell: Cell): number {
  const number = Number(cell.text);
  if (Number.isFinite(number)) return number;
  throw wrongCell(cell, "a finite number");
}

/** Mean and standard deviation; 1 where all numbers are the same, so that none is divided by 0. */
function statisticsOf(numbers: readonly number[]): [mean: number, deviation: number] {
  if (numbers.length === 0) return [0, 1];
  const mean = numbers.reduce((a, b) => a + b) / numbers.length;
  const variance = numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0) / numbers.length;
  return [mean, Math.sqrt(variance) || 1];
}

function medianOf(numbers: readonly number[]): number {
  if (numbers.length === 0) return 0;
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
