import { checkOptions, describeValue } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import type { CsvTable, NdArray } from "../data/dataset.ts";
import type { tf } from "../deps/tfjs.ts";
import { refuse } from "../io/checkpoint_file.ts";
import {
  Cells,
  type ColumnKind,
  numeric,
  numericKind,
  type TableColumn,
  type TableRow,
} from "./columns.ts";
import {
  type DatePart,
  dateParts,
  datePartsKind,
  oneHot,
  oneHotKind,
  ordinal,
  ordinalKind,
} from "./column_kinds.ts";

/**
 * Options of {@linkcode TableEncoder.fit}.
 *
 * @category Tables
 */
export interface TableEncoderOptions {
  /** Texts that stand for missing values, besides `""`. Default: `["NA", "NaN", "null"]`. */
  readonly missing?: readonly string[];
}

/** A column with what was learnt of it. */
interface FittedColumn extends TableColumn {
  readonly column: string;
  readonly fitted: unknown;
}

const KINDS: Record<TableColumn["kind"], (options: never) => ColumnKind<never>> = {
  numeric: numericKind as never,
  oneHot: oneHotKind as never,
  ordinal: ordinalKind as never,
  dateParts: datePartsKind as never,
};

/** The functions that check the options of a column, which in a file may be anything. */
const CHECKS: Record<TableColumn["kind"], (options: never) => TableColumn> = {
  numeric,
  oneHot,
  ordinal: ({ order, ...options }: { order?: string[] }) => ordinal(order, options),
  dateParts: ({ parts, ...options }: { parts: DatePart[] }) => dateParts(parts, options),
};

/** The key of an encoder in the metadata of a model. */
const KEY = "trainchartTable";

/**
 * Turns rows of a table into numbers, in a way that is learnt from the training part alone.
 *
 * It is saved with a model, see {@linkcode TableEncoder.attachTo}; then `learner.predict()` takes
 * rows. As `ColumnTransformer` of scikit-learn, `FeatureSpace` of Keras and `TabularPandas` of
 * fast.ai.
 *
 * @example
 * ```ts
 * import { numeric, oneHot, parseCsv, TableEncoder } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const train = parseCsv("age,town\n20,Rome\n,Oslo\n40,Rome\n");
 * const encoder = TableEncoder.fit(train, { age: numeric(), town: oneHot() });
 * assertEquals(encoder.features, [
 *   "age",
 *   "age is missing",
 *   "town = Oslo",
 *   "town = Rome",
 *   "town = (other)",
 * ]);
 * const { values, shape } = encoder.encode([{ age: 40, town: "Oslo" }, { age: null, town: "Lima" }]);
 * assertEquals(shape, [2, 5]);
 * assertEquals([...values], [1, 0, 1, 0, 0, 0, 1, 0, 0, 1]);
 * ```
 *
 * @category Tables
 */
export class TableEncoder {
  /** Names of the numbers that a row becomes. */
  readonly features: readonly string[];
  readonly #columns: readonly FittedColumn[];
  readonly #missing: ReadonlySet<string>;

  private constructor(columns: readonly FittedColumn[], missing: readonly string[]) {
    this.#columns = columns;
    this.#missing = new Set(missing);
    this.features = columns.flatMap(({ column, fitted, ...kind }) =>
      kindOf(kind).names(column, fitted as never)
    );
  }

  /**
   * Learns from the training part of a table.
   *
   * @param table The training part, see {@linkcode splitTable}.
   * @param columns How each column becomes numbers; other columns are ignored.
   * @param options Missing values.
   * @throws {RangeError} If a column does not exist.
   * @throws {TypeError} If a cell cannot be encoded: the error names line and column. Also if an
   *   option is unknown or of the wrong kind.
   */
  static fit(
    table: CsvTable,
    columns: Readonly<Record<string, TableColumn>>,
    options: TableEncoderOptions = {},
  ): TableEncoder {
    checkOptions("encode a table", options, { missing: true });
    const { missing = ["NA", "NaN", "null"] } = options;
    const cells = new Cells(table, new Set(missing));
    const fitted = Object.entries(columns).map(([column, kind]) => {
      if (!Object.hasOwn(KINDS, Object(kind).kind)) {
        throw new TypeError(
          `Cannot encode a table as column ${column} must be numeric(), oneHot(), ordinal() or ` +
            `dateParts(): current value is ${describeValue(kind)}`,
        );
      }
      return { column, ...kind, fitted: kindOf(kind).fit(cells.of(column)) };
    });
    return new TableEncoder(fitted, missing);
  }

  /**
   * Restores an encoder that was saved as JSON.
   *
   * @param json What {@linkcode TableEncoder.toJSON} returned, from a file of any origin.
   * @throws {StorageError} If a field is missing or wrong.
   */
  static fromJSON(json: unknown): TableEncoder {
    const name = "the encoder of a table";
    refuse(shape(json, ""), name);
    const { columns, missing } = json as { columns: FittedColumn[]; missing: string[] };
    for (const [index, column] of columns.entries()) {
      refuse(checkKind(column, `columns[${index}]`), name);
    }
    return new TableEncoder(columns, missing);
  }

  /**
   * Returns the encoder that a model was saved with.
   *
   * @param model The model, in memory or loaded from a file.
   * @returns The encoder; `undefined` if the model has none.
   * @throws {StorageError} If the encoder in the file is damaged.
   */
  static of(model: tf.LayersModel): TableEncoder | undefined {
    const json = (model.getUserDefinedMetadata?.() as Record<string, unknown> | undefined)?.[KEY];
    return json === undefined ? undefined : TableEncoder.fromJSON(json);
  }

  /**
   * Attaches the encoder to a model: `model.save()` and `exportModel()` then save both, and
   * `learner.predict()` takes rows.
   *
   * @param model The model, whose input has as many numbers as there are `features`.
   */
  attachTo(model: tf.LayersModel): void {
    const json = JSON.parse(JSON.stringify(this.toJSON()));
    model.setUserDefinedMetadata({ ...model.getUserDefinedMetadata(), [KEY]: json });
  }

  /**
   * Encodes rows.
   *
   * @param rows A table, or rows by the names of their columns.
   * @returns `[rows, features] float32`, in plain memory.
   * @throws {RangeError} If a column is missing.
   * @throws {TypeError} If a cell cannot be encoded: the error names its place.
   */
  encode(rows: CsvTable | readonly TableRow[]): NdArray {
    const cells = new Cells(rows, this.#missing);
    const width = this.features.length;
    const values = new Float32Array(cells.rows * width);
    let at = 0;
    for (const { column, fitted, ...kind } of this.#columns) {
      const { encode } = kindOf(kind);
      let next = at;
      for (const [row, cell] of cells.of(column).entries()) {
        const numbers = encode(cell, fitted as never);
        values.set(numbers, row * width + at);
        next = at + numbers.length;
      }
      at = next;
    }
    return { values, shape: [cells.rows, width] };
  }

  /** Returns everything that was learnt, as plain JSON. */
  toJSON(): unknown {
    return { columns: this.#columns, missing: [...this.#missing] };
  }
}

function kindOf({ kind, options }: TableColumn): ColumnKind<never> {
  return KINDS[kind](options as never);
}

const shape = field.record({
  columns: field.list(field.record({
    column: field.text,
    kind: field.oneOf(Object.keys(KINDS)),
    options: field.recordOf(field.anything),
  })),
  missing: field.list(field.text),
});

function checkKind({ kind, options, fitted }: FittedColumn, path: string) {
  try {
    return kindOf(CHECKS[kind](options as never)).check(fitted, `${path}.fitted`);
  } catch {
    return field.that("must be options of this kind", () => false)(options, `${path}.options`);
  }
}
