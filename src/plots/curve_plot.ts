import { checkOptions } from "../checks/check_options.ts";
import type { CurvePlotOptions } from "../pictures.ts";
import { Picture } from "./picture.ts";
import { COLORS, GROUND, logarithmic } from "./theme.ts";

/**
 * Draws a curve with marks.
 *
 * @param points The points from left to right; those that are not finite are left out.
 * @param options Titles, scales and marks.
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { curvePlot } from "@trainchart/trainchart/plots";
 * import { assert } from "@std/assert";
 *
 * const picture = curvePlot([{ x: 0.001, y: 2.3 }, { x: 0.01, y: 1.9 }, { x: 0.1, y: 4 }], {
 *   x: "learning rate, per step",
 *   y: "loss",
 *   logX: true,
 *   marks: [{ x: 0.01, label: "steepest 0.01" }],
 * });
 * assert((await picture.svg()).includes("steepest 0.01"));
 * ```
 *
 * @category Plots
 */
export function curvePlot(
  points: readonly { x: number; y: number }[],
  options: CurvePlotOptions = {},
): Picture {
  checkOptions("draw a curve", options, {
    ...{ title: true, x: true, y: true, logX: "flag", logY: "flag", marks: true },
  });
  const { title, x = "x", y = "y", logX = false, logY = false, marks = [] } = options;
  const inside = (value: number, log: boolean) => Number.isFinite(value) && (!log || value > 0);
  const values = points.filter((point) => inside(point.x, logX) && inside(point.y, logY));
  const across = axisOf("x", x, logX, [...values, ...marks].map((point) => point.x));
  const up = axisOf("y", y, logY, values.map((point) => point.y));
  const marked = marks.map((mark, index) => ({
    ...mark,
    color: COLORS[(index + 1) % COLORS.length],
  }));
  const color = { field: "color", type: "nominal", scale: null };
  return new Picture({
    ...title && { title },
    width: 560,
    height: 280,
    layer: [
      {
        data: { values },
        mark: { type: "line", color: COLORS[0], strokeWidth: 2, clip: true },
        encoding: { x: across, y: up },
      },
      {
        data: { values: marked },
        mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.5 },
        encoding: { x: across, color },
      },
      ...marked.flatMap((mark, index) =>
        [{ stroke: GROUND, strokeWidth: 4 }, {}].map((halo) => ({
          data: { values: [mark] },
          mark: { type: "text", align: "left", dx: 6, y: 8 + 16 * index, fontSize: 11, ...halo },
          encoding: { x: across, text: { field: "label" }, color },
        }))
      ),
    ],
  });
}

function axisOf(field: string, title: string, log: boolean, values: readonly number[]): unknown {
  const shared = { field, type: "quantitative", title };
  if (!log) return { ...shared, scale: { zero: false, nice: field === "y" } };
  const { axis, scale } = logarithmic(Math.min(...values), Math.max(...values));
  return { ...shared, axis, scale };
}
