/** The narrowest column of values, and that of times, in characters: `0.1234`, `12:34`. */
const VALUE = 6;
const TIME = 5;
const GAP = "  ";

interface Column {
  readonly titles: readonly string[];
  readonly width: number;
}

/** A table with a row for each epoch and a column for each metric. */
export class EpochTable {
  /** The full names of the metrics: `"validation.accuracy"`. */
  readonly names: readonly string[];
  /** The lines of the head: two where one would not fit, the passes above their metrics. */
  readonly head: readonly string[];
  readonly #columns: readonly Column[];

  /**
   * Lays out the columns.
   *
   * @param names The full names of the metrics, those of one pass together.
   * @param width The width that is available, in characters.
   */
  constructor(names: readonly string[], width: number) {
    this.names = names;
    const wide = columnsOf(names.map((name) => [name.replaceAll(/\.(?=\p{L})/gu, " ")]));
    const fits = lineOf(wide.map(() => ""), wide).length <= width;
    this.#columns = fits ? wide : columnsOf(names.map(splitTitle));
    const [{ titles }] = this.#columns;
    const head = titles.map((_, line) =>
      lineOf(this.#columns.map(({ titles }) => titles[line]), this.#columns).trimEnd()
    );
    this.head = fits ? head : [passesOf(names, this.#columns), ...head.slice(1)];
  }

  /** The row of an epoch, 0-based, of its values and its duration. */
  row(epoch: number, values: readonly string[], time: string): string {
    return lineOf([String(epoch + 1), ...values, time], this.#columns);
  }
}

/** The pass is written once, above the first of its metrics. */
function splitTitle(name: string, index: number, names: readonly string[]): string[] {
  const [pass, metric] = [passOf(name), name.slice(passOf(name).length + 1)];
  return [index > 0 && passOf(names[index - 1]) === pass ? "" : pass, metric];
}

/** The line of the passes: each with a rule above its other metrics. */
function passesOf(names: readonly string[], columns: readonly Column[]): string {
  const cells = columns.map(({ titles: [pass], width }, column) => {
    const isRule = column > 1 && column <= names.length && pass === "";
    if (!isRule) return GAP + pass.padStart(width);
    const rule = "─".repeat(GAP.length + width);
    return columns[column - 1].titles[0] === "" ? rule : ` ${rule.slice(1)}`;
  });
  return cells.join("").slice(GAP.length).trimEnd();
}

function passOf(name: string): string {
  return name.slice(0, name.indexOf("."));
}

/** The columns of the metrics, and those of the epoch and the time around them. */
function columnsOf(titles: readonly string[][]): Column[] {
  const last = (title: string) =>
    titles[0].map((_, line) => line < titles[0].length - 1 ? "" : title);
  return [
    { titles: last("epoch"), width: "epoch".length },
    ...titles.map((titles) => ({
      titles,
      width: Math.max(VALUE, ...titles.map(({ length }) => length)),
    })),
    { titles: last("time"), width: TIME },
  ];
}

function lineOf(cells: readonly string[], columns: readonly Column[]): string {
  return cells.map((cell, index) => cell.padStart(columns[index].width)).join(GAP);
}
