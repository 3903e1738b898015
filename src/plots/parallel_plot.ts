import { Picture } from "./picture.ts";
import { COLORS, GROUND, INK, LINE, SOFT } from "./theme.ts";

/** An axis of {@linkcode parallelPlot}. */
export interface ParallelAxis {
  /** The name of the quantity. */
  readonly name: string;
  /** Marks, each with its place from 0, at the bottom, to 1. */
  readonly ticks: readonly { readonly place: number; readonly label: string }[];
}

/** A line of {@linkcode parallelPlot}. */
export interface ParallelLine {
  /** The place at which it crosses each axis, from 0 to 1. */
  readonly places: readonly number[];
  /** The value that gives the line its colour. */
  readonly value: number;
  /** Whether the trial was cut short, so that its value is not comparable. */
  readonly faded: boolean;
}

const PER_AXIS = 130;
/** Width of a letter of a name, with its share of the gap to the next name, in pixels. */
const LETTER = 8.5;
const HEIGHT = 280;
/** From this ratio of largest to smallest value on, colours are logarithmic. */
const WIDE = 30;
/** From the best to the worst: none so light that it looks like a trial that was stopped. */
const RANGE = ["#08306b", "#2b7bba", "#6fb0d8"];

/**
 * Draws parallel coordinates: a line for each trial through all its quantities.
 *
 * A. Inselberg, "The plane with parallel coordinates", The Visual Computer 1 (1985),
 * <https://doi.org/10.1007/BF01898350>.
 *
 * @param axes The axes from left to right.
 * @param lines The lines, the best first: it is drawn last, and stands out.
 * @param mode Whether smaller or larger values are better: the better, the stronger the colour.
 */
export function parallelPlot(
  axes: readonly ParallelAxis[],
  lines: readonly ParallelLine[],
  mode: "min" | "max",
): Picture {
  const x = (axis: number) => `${axis}`;
  const perAxis = Math.max(PER_AXIS, ...axes.map(({ name }) => name.length * LETTER));
  const ends = lines.filter(({ faded }) => !faded).map(({ value }) => value);
  const log = ends.length > 0 && Math.min(...ends) > 0 &&
    Math.max(...ends) > WIDE * Math.min(...ends);
  const points = (keep: (line: ParallelLine, index: number) => boolean) =>
    lines.flatMap((line, index) =>
      keep(line, index)
        ? line.places.map((place, axis) => ({
          axis: x(axis),
          place,
          value: line.value,
          line: lines.length - index,
        }))
        : []
    );
  const across = {
    field: "axis",
    type: "nominal",
    sort: null,
    axis: null,
    scale: { type: "point", padding: 0.4, domain: axes.map((_, axis) => x(axis)) },
  };
  const up = { field: "place", type: "quantitative", axis: null, scale: { domain: [0, 1] } };
  const color = {
    field: "value",
    type: "quantitative",
    scale: {
      range: mode === "min" ? RANGE : RANGE.toReversed(),
      ...log && { type: "log" },
    },
    legend: null, // the last axis has the values
  };
  const drawn = (
    values: unknown[],
    mark: Record<string, unknown>,
    encoding: Record<string, unknown> = {},
  ) => ({
    data: { values },
    mark: { type: "line", strokeJoin: "round", ...mark },
    encoding: { x: across, y: up, detail: { field: "line" }, ...encoding },
  });
  const [best] = lines;
  const cut = lines.filter(({ faded }) => faded).length;
  const marks = axes.flatMap(({ ticks }, axis) =>
    ticks.map((tick) => ({ axis: x(axis), ...tick }))
  );
  const label = (halo: Record<string, unknown>) => ({
    data: { values: marks },
    mark: { type: "text", align: "left", dx: 6, fontSize: 10, color: SOFT, ...halo },
    encoding: { x: across, y: up, text: { field: "label" } },
  });
  return new Picture({
    title: {
      text: `${lines.length} trials, ${mode === "min" ? "less" : "more"} is better`,
      subtitle: `orange: the best${cut > 0 ? `, grey: ${cut} that were stopped early` : ""}`,
      subtitleColor: SOFT,
      subtitleFontSize: 11,
      offset: 28,
    },
    width: perAxis * axes.length,
    height: HEIGHT,
    layer: [
      drawn(points(({ faded }) => faded), { color: LINE, strokeWidth: 0.9 }),
      drawn(points(({ faded }) => !faded), { strokeWidth: 1.4, opacity: 0.85 }, {
        color,
        order: { field: "line" },
      }),
      ...best && !best.faded
        ? [drawn(points((_, index) => index === 0), { color: COLORS[1], strokeWidth: 2.8 })]
        : [],
      {
        data: { values: axes.map((_, axis) => ({ axis: x(axis), low: 0, high: 1 })) },
        mark: { type: "rule", color: SOFT, strokeWidth: 1 },
        encoding: { x: across, y: { ...up, field: "low" }, y2: { field: "high" } },
      },
      label({ stroke: GROUND, strokeWidth: 3 }),
      label({}),
      {
        data: { values: axes.map(({ name }, axis) => ({ axis: x(axis), name, place: 1 })) },
        mark: { type: "text", dy: -16, fontSize: 12, fontWeight: 600, color: INK },
        encoding: { x: across, y: up, text: { field: "name" } },
      },
    ],
    resolve: { scale: { color: "independent" } },
  });
}
