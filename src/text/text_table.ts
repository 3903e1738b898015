/**
 * Formats rows of cells as a table of text.
 *
 * @param rows Rows of cells; the first row is the head.
 * @param left Number of columns, from the first, that are aligned left; the others are aligned right.
 *   Default: 1.
 */
export function textTable(rows: readonly (readonly string[])[], left: number = 1): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ").trimEnd()
  );
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}
