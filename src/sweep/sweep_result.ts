import { textTable } from "../text/text_table.ts";
import type { Picture } from "../plots/picture.ts";
import { parallelPlot } from "../plots/parallel_plot.ts";
import { progressPlot } from "../plots/progress_plot.ts";
import "../plots/register_plotters.ts";
import type { AnyParameters, Dimension, Space } from "./dimension.ts";
import type { Ledger } from "./ledger.ts";
import { logUniform } from "./log_uniform.ts";
import { uniform } from "./uniform.ts";

/** What became of a trial. */
export interface TrialResult<Parameters = AnyParameters> {
  /** Which of the sweep's trials it is, 0-based. */
  readonly trial: number;
  /** What was tried. */
  readonly parameters: Parameters;
  /** Whether it went to its end, was stopped because others were better, or threw. */
  readonly status: "completed" | "stopped" | "failed";
  /** The monitored value at its end; NaN if it is not finite, or there is none. */
  readonly value: number;
  /** The values that it reported, each with the number of epochs until then. */
  readonly reports: readonly (readonly [epochs: number, value: number])[];
  /** What was thrown, with its stack. */
  readonly error?: string;
  /** How long it took, seconds. */
  readonly seconds: number;
  /** Its place among all trials in the order in which they ended, 0-based. */
  readonly order: number;
}

const PLACES = ["completed", "stopped", "failed"];

/** What a sweep has found. */
export class SweepResult<Parameters = AnyParameters> {
  /** What became of every trial, the best first, those that were stopped or failed last. */
  readonly trials: readonly TrialResult<Parameters>[];
  /** What was compared: `"validation.loss"`. */
  readonly monitor: string;
  /** Whether less or more of it is better. */
  readonly mode: "min" | "max";
  readonly #space: Space;

  /** Sweeps make them. */
  constructor(
    ledger: Ledger,
    { monitor, mode, space }: { monitor: string; mode: "min" | "max"; space: Space },
  ) {
    this.monitor = monitor;
    this.mode = mode;
    this.#space = space;
    const trials = trialsOf(ledger).sort((a, b) =>
      PLACES.indexOf(a.status) - PLACES.indexOf(b.status) ||
      (a.status === "completed" ? 0 : lastEpoch(b) - lastEpoch(a)) ||
      compare(a.value, b.value, mode) || a.trial - b.trial
    );
    this.trials = trials as unknown as TrialResult<Parameters>[];
  }

  /** The best trial that went to its end, if any did. */
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

  /** Draws the values of trials in the order in which they ended, and the best until then. */
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
   * @param rows Of how many at most. Default: 20.
   */
  table(rows: number = 20): string {
    const names = Object.keys(this.#space);
    const lines = this.trials.slice(0, rows).map((trial) => [
      String(trial.trial),
      trial.status,
      short(trial.value),
      String(lastEpoch(trial) || "-"),
      trial.seconds.toFixed(1),
      ...names.map((name) => short((trial.parameters as AnyParameters)[name])),
    ]);
    const head = ["trial", "status", this.monitor, "epochs", "seconds", ...names];
    return textTable([head, ...lines], 2);
  }

  /** The table. */
  toString(): string {
    return this.table();
  }
}

/** A value for people: a few digits of a number. */
export function short(value: unknown, digits: number = 4): string {
  if (typeof value !== "number") return String(value);
  return Number.isNaN(value) ? "-" : String(Number(value.toPrecision(digits)));
}

/** After how many epochs a trial last reported; 0 if it never did. */
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

/** How many marks an axis of numbers has. */
const TICKS = 5;
/** From this ratio of largest to smallest value on, their axis is logarithmic. */
const WIDE = 30;

/** How near to an end, as a share of the axis, there is no room for another mark. */
const NEAR = 0.06;

function ticksOf(dimension: Dimension): { place: number; label: string }[] {
  const powers = dimension.description.kind === "logUniform" ? powersOn(dimension) : [];
  const values = powers.length > 0
    ? [0, 1].map(dimension.at).concat(powers)
    : dimension.grid(TICKS);
  return values.map((value) => ({ place: dimension.placeOf(value), label: short(value, 3) }));
}

/** The powers of ten on a logarithmic axis, but those that are nearly at its ends. */
function powersOn(dimension: Dimension): number[] {
  const [from, to] = [NEAR, 1 - NEAR].map((place) => Math.log10(Number(dimension.at(place))));
  const first = Math.ceil(from);
  const count = Math.max(0, Math.floor(to) - first + 1);
  return Array.from({ length: count }, (_, index) => 10 ** (first + index));
}

/** An axis for the values themselves, unless they are all the same. */
function valueScale(values: readonly number[]): Dimension<number> | undefined {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low < high)) return undefined;
  return low > 0 && high > WIDE * low ? logUniform(low, high) : uniform(low, high);
}
