import type { ArrayColumn } from "./array_gatherer.ts";
import type { CsvTable } from "./parse_csv.ts";
import { TensorDataset } from "./tensor_dataset.ts";

/**
 * Makes a dataset of the columns of a table.
 *
 * @param table The table, from {@linkcode parseCsv} or {@linkcode readCsv}.
 * @param options Which columns.
 * @param options.data The columns to learn from, in this order: `[examples, columns] float32`.
 * @param options.labels The columns to learn: a name gives `[examples]`, names give
 *   `[examples, columns]`.
 * @param options.classes If given, the labels are names of classes and become their places in this
 *   array: `int32`.
 * @param options.labelType The dtype of labels that are numbers; `int32` for numbers of classes.
 *   Default `float32`.
 * @returns The dataset; its numbers are outside of TensorFlow.js, so there is nothing to dispose.
 * @throws {RangeError} When there is no such column.
 * @throws {TypeError} When a cell is no finite number, no integer for `int32`, or no class, with its
 *   line and column.
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
 */
export function csvDataset(table: CsvTable, { data, labels, classes, labelType = "float32" }: {
  data: readonly string[];
  labels: string | readonly string[];
  classes?: readonly string[];
  labelType?: "float32" | "int32";
}): TensorDataset<ArrayColumn, ArrayColumn> {
  const examples = table.rows.length;
  const values = Float32Array.from(cells(table, data, toNumber));
  const names = typeof labels === "string" ? [labels] : labels;
  const integers = classes !== undefined || labelType === "int32";
  const convert = classes ? toClass(classes) : integers ? toInteger : toNumber;
  const labelValues = (integers ? Int32Array : Float32Array).from(cells(table, names, convert));
  const labelShape = typeof labels === "string" ? [examples] : [examples, labels.length];
  return new TensorDataset<ArrayColumn, ArrayColumn>({
    data: { values, shape: [examples, data.length] },
    labels: { values: labelValues, shape: labelShape },
  });
}

/** What a cell stands for, or what it must be. */
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
  const places = names.map((name) => {
    const place = table.columns.indexOf(name);
    if (place !== -1) return place;
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
