import { Picture } from "./picture.ts";
import { COLORS, logarithmic } from "./theme.ts";

/** A trial of {@linkcode progressPlot}. */
export interface ProgressPoint {
  /** Its place in the order in which trials ended, from 1. */
  readonly order: number;
  /** Its value; NaN if it has none. */
  readonly value: number;
  /** The end of the trial. */
  readonly status: "completed" | "stopped" | "failed";
  /** Its value after each number of epochs. */
  readonly curve: readonly (readonly [epochs: number, value: number])[];
}

const WIDTH = 600;
/** From this ratio of largest to smallest value on, the scale is logarithmic. */
const WIDE = 30;
const FADED = "#b6c0ca";
const BEST = "best so far";
const NONE = "no value";
/** The kinds of points, each with its colour. */
const KINDS: Readonly<Record<string, string>> = {
  completed: COLORS[0],
  stopped: FADED,
  [NONE]: COLORS[7],
  [BEST]: COLORS[1],
};

/** Draws a search: the value of each trial, the best until then, and the curves of the trials. */
export function progressPlot(
  trials: readonly ProgressPoint[],
  { name, mode }: { name: string; mode: "min" | "max" },
): Picture {
  const ended = trials.toSorted((a, b) => a.order - b.order);
  const finite = ended.filter((point) => kindOf(point) !== NONE);
  const better = mode === "min" ? Math.min : Math.max;
  let best = mode === "min" ? Infinity : -Infinity;
  const steps = finite.filter(({ status }) => status === "completed").map(({ order, value }) => {
    best = better(best, value);
    return { order, value: best };
  });
  const last = ended.at(-1)?.order ?? 1;
  if (steps.length > 0) steps.push({ order: last, value: best });
  const curves = finite.filter(({ curve }) => curve.length > 1);
  return new Picture({
    vconcat: [
      values(ended, finite, steps, name),
      ...curves.length > 0 ? [curvesOf(curves, best, name)] : [],
    ],
    spacing: 24,
  });
}

function kindOf({ status, value }: ProgressPoint): string {
  return status === "failed" || !Number.isFinite(value) ? NONE : status;
}

function values(
  ended: readonly ProgressPoint[],
  finite: readonly ProgressPoint[],
  steps: readonly { order: number; value: number }[],
  name: string,
): unknown {
  const x = {
    field: "order",
    type: "quantitative",
    title: "trials, in the order in which they ended",
    axis: { tickMinStep: 1, grid: false },
    scale: { domain: [0.5, ended.length + 0.5], nice: false },
  };
  const y = vertical(finite.map(({ value }) => value));
  const points = ended.map((point) => ({ ...point, kind: kindOf(point) }));
  const kinds = Object.keys(KINDS).filter((name) =>
    name === BEST || points.some(({ kind }) => kind === name)
  );
  const kind = {
    field: "kind",
    type: "nominal",
    scale: { domain: kinds, range: kinds.map((name) => KINDS[name]) },
  };
  return {
    title: name + (isLog(y) ? " (logarithmic)" : ""),
    width: WIDTH,
    height: 220,
    layer: [
      {
        data: { values: steps.map((step) => ({ ...step, kind: BEST })) },
        mark: { type: "line", interpolate: "step-after", strokeWidth: 2 },
        encoding: { x, y, color: kind },
      },
      {
        data: { values: points.filter(({ kind }) => kind !== NONE) },
        mark: { type: "point", filled: true, size: 42, opacity: 1 },
        encoding: { x, y, color: kind },
      },
      {
        data: { values: points.filter(({ kind }) => kind === NONE) },
        mark: { type: "point", shape: "cross", angle: 45, size: 50, filled: true },
        encoding: { x, y: { value: 214 }, color: kind },
      },
    ],
  };
}

function curvesOf(curves: readonly ProgressPoint[], best: number, name: string): unknown {
  const points = curves.flatMap(({ order, value, status, curve }) => {
    const kind = status !== "completed" ? "stopped" : value === best ? "best" : "completed";
    return curve.filter(([, value]) => Number.isFinite(value))
      .map(([epochs, value]) => ({ order, epochs, value, kind }));
  });
  const y = vertical(points.map(({ value }) => value));
  const x = { field: "epochs", type: "quantitative", title: "epoch", axis: { tickMinStep: 1 } };
  const layer = (kind: string, color: string, width: number) => ({
    data: { values: points.filter((point) => point.kind === kind) },
    mark: { type: "line", color, strokeWidth: width, point: { color, size: 14 * width } },
    encoding: { x, y, detail: { field: "order" } },
  });
  return {
    title: `${name}, epoch by epoch` + (isLog(y) ? " (logarithmic)" : ""),
    width: WIDTH,
    height: 220,
    layer: [
      layer("stopped", FADED, 0.9),
      layer("completed", COLORS[0], 1.1),
      layer("best", COLORS[1], 2.2),
    ],
  };
}

interface Vertical {
  scale: unknown;
  axis: unknown;
}

function vertical(all: readonly number[]): Vertical & Record<string, unknown> {
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const log = low > 0 && high / low > WIDE;
  return {
    field: "value",
    type: "quantitative",
    title: null,
    ...log
      ? logarithmic(low, high) as Vertical
      : { scale: { zero: false }, axis: { tickCount: 5 } },
  };
}

function isLog({ scale }: Vertical): boolean {
  return (scale as { type?: string }).type === "log";
}
