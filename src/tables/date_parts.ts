import { checkOptions, describeValue } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import { type Cell, type ColumnKind, type TableColumn, wrongCell } from "./columns.ts";

/**
 * A part of a date that {@linkcode dateParts} encodes. `"days"` is the time since 1970, standardised;
 * `"year"` is standardised, too; all others return and become two numbers, sine and cosine.
 *
 * @category Tables
 */
export type DatePart = "days" | "year" | "month" | "monthDay" | "weekday" | "yearDay" | "hour";

/**
 * Options of {@linkcode dateParts}.
 *
 * @category Tables
 */
export interface DatePartsOptions {
  /**
   * Order of year, month and day in a cell, which are numbers with any other characters between them,
   * and may be followed by hour, minute and second. Default: `"ymd"`, as in 2025-01-31.
   */
  readonly format?: "ymd" | "dmy" | "mdy";
}

type Fitted = { mean: number; deviation: number }[];

const PARTS: readonly DatePart[] = [
  "days",
  "year",
  "month",
  "monthDay",
  "weekday",
  "yearDay",
  "hour",
];

const DAY = 86_400_000; // ms

/** The period of each part that returns. */
const PERIODS: Readonly<Partial<Record<DatePart, number>>> = {
  month: 12,
  monthDay: 31,
  weekday: 7,
  yearDay: 366,
  hour: 24,
};

/**
 * A column of dates: the parts that may matter, as numbers. A missing date is all zeros.
 *
 * Cells have no time zone: a date is what its cell says. As `add_datepart` of fast.ai.
 *
 * @param parts The parts.
 * @param options How dates are written.
 * @throws {TypeError} If a part or an option is unknown.
 *
 * @example
 * ```ts
 * import { dateParts, parseCsv, TableEncoder } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const train = parseCsv("day\n2025-01-31\n2025-02-01\n");
 * const encoder = TableEncoder.fit(train, { day: dateParts(["year", "month"]) });
 * assertEquals(encoder.features, ["day year", "day month sine", "day month cosine"]);
 * ```
 *
 * @category Tables
 */
export function dateParts(
  parts: readonly DatePart[],
  options: DatePartsOptions = {},
): TableColumn {
  const action = "encode a column of dates";
  checkOptions(action, options, { format: true });
  const { format = "ymd" } = options;
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every((part) => PARTS.includes(part))) {
    throw new TypeError(
      `Cannot ${action} as parts must be some of ${PARTS.join(", ")}: current value is ${
        Array.isArray(parts) ? `[${parts.join(", ")}]` : describeValue(parts)
      }`,
    );
  }
  if (!["ymd", "dmy", "mdy"].includes(format)) {
    throw new TypeError(
      `Cannot ${action} as format must be "ymd", "dmy" or "mdy": current value is ${
        describeValue(format)
      }`,
    );
  }
  return { kind: "dateParts", options: { parts: [...parts], format } };
}

/** Fits and encodes columns of dates: mean and deviation of each part that does not return. */
export function datePartsKind(
  { parts, format }: { parts: DatePart[]; format: "ymd" | "dmy" | "mdy" },
): ColumnKind<Fitted> {
  return {
    fit(cells) {
      const times = cells.filter(({ text }) => text !== "").map((cell) => toTime(cell, format));
      return parts.map((part) => {
        if (PERIODS[part] || times.length === 0) return { mean: 0, deviation: 1 };
        const values = times.map((time) => partOf(time, part));
        const mean = values.reduce((a, b) => a + b) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
          values.length;
        return { mean, deviation: Math.sqrt(variance) || 1 };
      });
    },
    names: (column) =>
      parts.flatMap((part) =>
        PERIODS[part] ? [`${column} ${part} sine`, `${column} ${part} cosine`] : `${column} ${part}`
      ),
    encode(cell, fitted) {
      const time = cell.text === "" ? undefined : toTime(cell, format);
      return parts.flatMap((part, index) => {
        const period = PERIODS[part];
        if (time === undefined) return period ? [0, 0] : 0;
        const value = partOf(time, part);
        if (!period) return (value - fitted[index].mean) / fitted[index].deviation;
        const angle = 2 * Math.PI * value / period;
        return [Math.sin(angle), Math.cos(angle)];
      });
    },
    check: field.tuple(
      ...parts.map(() =>
        field.record({ mean: field.number(), deviation: field.number({ above: 0 }) })
      ),
    ),
  };
}

/** Parses a date as UTC, so that the time zone of the machine has no part in it. */
function toTime(cell: Cell, format: "ymd" | "dmy" | "mdy"): number {
  const numbers = cell.text.match(/\d+/g)?.map(Number) ?? [];
  const [year, month, day] = ["y", "m", "d"].map((part) => numbers[format.indexOf(part)]);
  const [hour = 0, minute = 0, second = 0] = numbers.slice(3);
  // As POSIX reads years of two digits.
  const whole = year < 69 ? 2000 + year : year < 100 ? 1900 + year : year;
  const time = Date.UTC(whole, month - 1, day, hour, minute, second);
  const date = new Date(time);
  if (date.getUTCMonth() === month - 1 && date.getUTCDate() === day) return time;
  throw wrongCell(cell, `a date of the format ${format}`);
}

function partOf(time: number, part: DatePart): number {
  const date = new Date(time);
  switch (part) {
    case "days":
      return time / DAY;
    case "year":
      return date.getUTCFullYear();
    case "month":
      return date.getUTCMonth();
    case "monthDay":
      return date.getUTCDate() - 1;
    case "weekday":
      return date.getUTCDay();
    case "yearDay":
      return Math.floor((time - Date.UTC(date.getUTCFullYear(), 0)) / DAY);
    case "hour":
      return date.getUTCHours() + date.getUTCMinutes() / 60;
  }
}
