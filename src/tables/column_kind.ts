import { describeValue } from "../checks/describe_value.ts";
import type { FieldCheck } from "../checks/fields.ts";

/** A cell, and where it is, for errors. */
export interface Cell {
  /** Text of the cell; `""` if the value is missing. */
  readonly text: string;
  /** Place of the cell: `"line 4, column age"`. */
  readonly place: string;
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
  readonly check: FieldCheck;
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
