/** The error of a text that is not CSV. */
export class CsvError extends Error {}

/** Splits a whole text into records, each with the number of lines up to its end. */
export function parse(text: string, options: {
  bom: boolean;
  delimiter: string;
  info: true;
  relax_column_count: boolean;
  skip_empty_lines: boolean;
  trim: boolean;
}): { record: string[]; info: { lines: number } }[];
