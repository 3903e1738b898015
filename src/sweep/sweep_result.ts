import { textTable } from "../text/text.ts";
import type { Picture } from "../plots/picture.ts";
import { parallelPlot } from "../plots/parallel_plot.ts";
import { progressPlot } from "../plots/progress_plot.ts";
import "../plots/register_plotters.ts";
import type { AnyParameters, Dimension, Space } from "./dimension.ts";
import type { Ledger } from "./ledger.ts";
import { logUniform } from "./log_uniform.ts";
import { uniform } from "./uniform.ts";

/**
 * The result of a trial.
 *
 * @category Sweeps
 */
export interface TrialResult<Parameters = AnyParameters> {
  /** Number of the trial, 0-based. */
  readonly trial: number;
  /** The parameters of the trial. */
  readonly parameters: Parameters;
  /** Whether the trial ran to its end, was stopped since others were better, or threw. */
  readonly status: "completed" | "stopped" | "failed";
  /** The monitored value at the end; NaN if it is not finite, or missing. */
  readonly value: number;
  /** The reported values, each with the number of epochs until then. */
  readonly reports: readonly (readonly [epochs: number, value: number])[];
  /** The error with its stack, as text. */
  readonly error?: string;
  /** Duration, in seconds. */
  readonly seconds: number;
  /** Place among all trials in the order in which they ended, 0-based. */
  readonly order: number;
}

/** The order of trials in a result. */
const STATUSES = ["completed", "stopped", "failed"];

/**
 * The result of a sweep.
 *
 * @category Sweeps
 */
export class SweepResult<Parameters = AnyParameters> {
  /** The results of all trials, the best first; trials that were stopped or failed come last. */
  readonly trials: readonly TrialResult<Parameters>[];
  /** The metric that was compared, such as `"validation.loss"`. */
  readonly monitor: string;
  /** Whether smaller or larger values are better. */
  readonly mode: "min" | "max";
  readonly #space: Space;

  /** Made by {@linkcode sweep}. */
  constructor(
    ledger: Ledger,
    { monitor, mode, space }: { monitor: string; mode: "min" | "max"; space: Space },
  ) {
    this.monitor = monitor;
    this.mode = mode;
    this.#space = space;
    const trials = trialsOf(ledger).sort((a, b) =>
      STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status) ||
      (a.status === "completed" ? 0 : lastEpoch(b) - lastEpoch(a)) ||
      compare(a.value, b.value, mode) || a.trial - b.trial
    );
    this.trials = trials as unknown as TrialResult<Parameters>[];
  }

  /** The best trial that ran to its end, if any did. */
  get best(): TrialResult<Parameters> | undefined {
    const [first] = this.trials;
    return first?.status === "completed" && !Number.isNaN(first.value) ? first : undefined;
  }

  /** Draws every trial as a line through its parameters to its value. */
  parallelPlot(): Picture {
    const { monitor: name, mode } = this;
    const dimensions = Object.entries(this.#space);
    const shown = this.trials.filter(({ value, status }) =>
      Number.isFinite(value) && status !== "failed"
    );
    const scale = valueScale(shown.map(({ value }) => value));
    const axes = dimensions.map(([name, dimension]) => ({ name, ticks: ticksOf(dimension) }));
    const lines = shown.map(({ parameters, value, status }) => ({
      places: [
        ...dimensions.map(([name, dimension]) =>
          dimension.placeOf((parameters as AnyParameters)[name])
        ),
        scale?.placeOf(value) ?? 0.5,
      ],
      value,
      faded: status !== "completed",
    }));
    const last = { name, ticks: scale ? ticksOf(scale) : [] };
    return parallelPlot([...axes, last], lines, mode);
  }

  /** Draws the values of all trials in the order in which they ended, and the best until then. */
  historyPlot(): Picture {
    const { monitor: name, mode } = this;
    const points = this.trials.map(({ order, value, status, reports }) => (
      { order: order + 1, value, status, curve: reports }
    ));
    return progressPlot(points, { name, mode });
  }

  /**
   * A table of the best trials.
   *
   * @param rows The largest number of rows. Default: 20.
   * @param width The width that is available, in characters. Where columns for all parameters would
   *   not fit, they stand below each trial. Default: no limit.
   * @returns The table, as text.
   */
  table(rows: number = 20, width: number = Infinity): string {
    const names = Object.keys(this.#space);
    const trials = this.trials.slice(0, rows);
    const parameters = trials.map((trial) =>
      names.map((name) => shortNumber((trial.parameters as AnyParameters)[name]))
    );
    const lines = trials.map((trial) => [
      String(trial.trial),
      trial.status,
      shortNumber(trial.value),
      String(lastEpoch(trial) || "-"),
      trial.seconds.toFixed(1),
    ]);
    const head = ["trial", "status", this.monitor, "epochs", "seconds"];
    const wide = textTable(
      [[...head, ...names], ...lines.map((line, row) => [...line, ...parameters[row]])],
      2,
    );
    if (wide.split("\n").every((line) => line.length <= width)) return wide;
    const [title, rule, ...narrow] = textTable([head, ...lines], 2).split("\n");
    const below = (row: number) =>
      fill(names.map((name, index) => `${name} ${parameters[row][index]}`), width, "       ");
    return [title, rule, ...narrow.flatMap((line, row) => [line, ...below(row)])].join("\n");
  }

  /** The table. */
  toString(): string {
    return this.table();
  }
}

/** Joins texts by commas, in lines of a width. */
function fill(texts: readonly string[], width: number, indent: string): string[] {
  const lines: string[] = [];
  for (const [index, text] of texts.entries()) {
    const item = index < texts.length - 1 ? `${text},` : text;
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + item.length <= width) {
      lines[lines.length - 1] = `${last} ${item}`;
    } else lines.push(indent + item);
  }
  return lines;
}

/** Formats a value with few digits. */
export function shortNumber(value: unknown, digits: number = 4): string {
  if (typeof value !== "number") return String(value);
  return Number.isNaN(value) ? "-" : String(Number(value.toPrecision(digits)));
}

/** The number of epochs at the last report of a trial; 0 without reports. */
function lastEpoch({ reports }: Pick<TrialResult, "reports">): number {
  return reports.at(-1)?.[0] ?? 0;
}

function compare(a: number, b: number, mode: "min" | "max"): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return mode === "min" ? a - b : b - a;
}

function trialsOf(ledger: Ledger): TrialResult[] {
  const order = new Map(ledger.records.map(({ trial }, index) => [trial, index]));
  return [...order].sort((a, b) => a[1] - b[1]).map(([trial], order) => {
    const records = ledger.recordsOf(trial);
    const last = records.at(-1)!;
    const reports = new Map(records.flatMap(({ reports }) => reports));
    return {
      trial,
      parameters: last.parameters,
      status: ledger.statusOf(trial) as TrialResult["status"],
      value: last.value ?? NaN,
      reports: [...reports].map(([epochs, value]) => [epochs, value ?? NaN] as const),
      ...last.error && { error: last.error },
      seconds: records.reduce((sum, { seconds }) => sum + seconds, 0),
      order,
    };
  });
}

/** Number of marks on an axis of numbers. */
const TICKS = 5;
/** Ratio of the largest to the smallest value from which their axis is logarithmic. */
const WIDE = 30;

/** Part of the axis at each end that has no room for another mark. */
const NEAR = 0.06;

function ticksOf(dimension: Dimension): { place: number; label: string }[] {
  const powers = dimension.description.kind === "logUniform" ? powersOn(dimension) : [];
  const values = powers.length > 0
    ? [0, 1].map(dimension.at).concat(powers)
    : dimension.grid(TICKS);
  return values.map((value) => ({ place: dimension.placeOf(value), label: shortNumber(value, 3) }));
}

/** The powers of ten on a logarithmic axis, without those near its ends. */
function powersOn(dimension: Dimension): number[] {
  const [from, to] = [NEAR, 1 - NEAR].map((place) => Math.log10(Number(dimension.at(place))));
  const first = Math.ceil(from);
  const count = Math.max(0, Math.floor(to) - first + 1);
  return Array.from({ length: count }, (_, index) => 10 ** (first + index));
}

/** An axis for the values themselves; `undefined` if they are all the same. */
function valueScale(values: readonly number[]): Dimension<number> | undefined {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low < high)) return undefined;
  return low > 0 && high > WIDE * low ? logUniform(low, high) : uniform(low, high);
}
