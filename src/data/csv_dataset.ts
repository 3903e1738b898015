import { checkOptions, describeValue } from "../checks/check_options.ts";
import { type ArrayColumn, TensorDataset } from "./tensor_dataset.ts";
import type { CsvTable } from "./dataset.ts";

/**
 * The labels of a dataset that is made of a table.
 *
 * @category Files of data
 */
export interface LabelOptions {
  /** Column of the labels, `[examples]`; or several, `[examples, columns]`. */
  readonly labels: string | readonly string[];
  /**
   * Names of classes, for labels that are such names. Each becomes its index in this array: `int32`.
   * Default: labels are numbers.
   */
  readonly classes?: readonly string[];
  /**
   * Type of labels that are numbers; `int32` for indices of classes. Default: `"float32"`.
   */
  readonly labelType?: "float32" | "int32";
}

/**
 * Options of {@linkcode csvDataset}.
 *
 * @category Files of data
 */
export interface CsvDatasetOptions extends LabelOptions {
  /** Names of the columns of the data, in this order: `[examples, columns] float32`. */
  readonly data: readonly string[];
}

const LABEL_OPTIONS: Record<keyof LabelOptions, true> = {
  labels: true,
  classes: true,
  labelType: true,
};

/**
 * Makes a dataset of columns of numbers in a table. Other columns need a {@linkcode TableEncoder}.
 *
 * @param table The table, from {@linkcode parseCsv} or {@linkcode readCsv}.
 * @param options Which columns to use.
 * @returns The dataset, in plain memory: it need not be disposed.
 * @throws {RangeError} If a column does not exist.
 * @throws {TypeError} If a cell is not a finite number, not an integer for `int32`, or not a class.
 *   The error names line and column. Also if an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { csvDataset, parseCsv } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const table = parseCsv("length,width,species\n5.1,3.5,setosa\n6,2.5,virginica\n");
 * const classes = ["setosa", "virginica"];
 * const dataset = csvDataset(table, { data: ["width", "length"], labels: "species", classes });
 * const { data, labels } = dataset.batch(Int32Array.of(1));
 * assertEquals(data.arraySync(), [[2.5, 6]]);
 * assertEquals(labels.arraySync(), [1]);
 * tf.dispose([data, labels]);
 * ```
 *
 * @category Files of data
 */
export function csvDataset(
  table: CsvTable,
  options: CsvDatasetOptions,
): TensorDataset<ArrayColumn, ArrayColumn> {
  checkOptions("build a dataset", options, { data: true, ...LABEL_OPTIONS });
  const { data, ...labels } = options;
  checkNames("data", data);
  const values = Float32Array.from(cells(table, data, toNumber));
  return new TensorDataset<ArrayColumn, ArrayColumn>({
    data: { values, shape: [table.rows.length, data.length] },
    labels: labelColumn(table, labels),
  });
}

/**
 * Reads the labels of a dataset from a table.
 *
 * @throws {RangeError} If a column does not exist.
 * @throws {TypeError} If a cell is not a label, or an option is unknown or of the wrong kind.
 */
export function labelColumn(table: CsvTable, options: LabelOptions): ArrayColumn {
  checkOptions("build a dataset", options, LABEL_OPTIONS);
  const { labels, classes, labelType = "float32" } = options;
  const names = typeof labels === "string" ? [labels] : labels;
  checkNames("labels", names);
  if (labelType !== "float32" && labelType !== "int32") {
    throw new TypeError(
      'Cannot build a dataset as labelType must be "float32" or "int32": current value is ' +
        describeValue(labelType),
    );
  }
  const integers = classes !== undefined || labelType === "int32";
  const convert = classes ? toClass(classes) : integers ? toInteger : toNumber;
  const values = (integers ? Int32Array : Float32Array).from(cells(table, names, convert));
  const examples = table.rows.length;
  return { values, shape: typeof labels === "string" ? [examples] : [examples, labels.length] };
}

function checkNames(option: string, names: unknown): void {
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return;
  throw new TypeError(
    `Cannot build a dataset as ${option} must be names of columns: current value is ${
      describeValue(names)
    }`,
  );
}

/** Returns the number that a cell stands for, or else a description of what it must be. */
type Convert = (cell: string) => number | string;

const toNumber: Convert = (cell) =>
  cell !== "" && Number.isFinite(Number(cell)) ? Number(cell) : "a finite number";

const toInteger: Convert = (cell) =>
  cell !== "" && (Number(cell) | 0) === Number(cell) ? Number(cell) : "a 32-bit integer";

function toClass(classes: readonly string[]): Convert {
  const places = new Map(classes.map((name, place) => [name, place]));
  return (cell) => places.get(cell) ?? `one of ${classes.join(", ")}`;
}

function cells(table: CsvTable, names: readonly string[], convert: Convert): number[] {
  const known = new Map(table.columns.map((name, place) => [name, place]));
  const places = names.map((name) => {
    const place = known.get(name);
    if (place !== undefined) return place;
    throw new RangeError(
      `Cannot build a dataset as a column must be one of ${table.columns.join(", ")}: ` +
        `current value is ${name}`,
    );
  });
  return table.rows.flatMap((row, index) =>
    places.map((place) => {
      const value = convert(row[place]);
      if (typeof value === "number") return value;
      throw new TypeError(
        `Cannot build a dataset as line ${table.lines[index]}, column ${table.columns[place]} ` +
          `must be ${value}: current value is ${JSON.stringify(row[place])}`,
      );
    })
  );
}
