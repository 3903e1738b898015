import { Picture } from "./picture.ts";
import { GROUND, INK, SHARES, SOFT } from "./theme.ts";

/** From this number of classes on, the cells are too small for numbers. */
const MANY = 31;
/** Height and width of the cells together, in pixels; small matrices are smaller. */
const SIDE = 480;
const LARGEST_CELL = 64;
/** Width of a letter and height of a line of a label, about, in pixels. */
const LETTER = 7;
const LINE = 14;

/** Draws a confusion matrix: shares of each actual class as colours, counts as numbers. */
export function confusionPlot(
  counts: readonly (readonly number[])[],
  classes: readonly string[],
): Picture {
  const cells = counts.flatMap((row, actual) => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.map((count, predicted) => ({
      actual: classes[actual],
      predicted: classes[predicted],
      count,
      share: total > 0 ? count / total : 0,
    }));
  });
  const all = counts.flat().reduce((a, b) => a + b, 0);
  const right = counts.reduce((sum, row, index) => sum + row[index], 0);
  const cell = Math.min(LARGEST_CELL, SIDE / classes.length);
  const crowded = Math.max(...classes.map(({ length }) => length)) * LETTER > cell;
  const axis = (title: string, orient: string) => ({
    title,
    orient,
    domain: false,
    ticks: false,
    labelAngle: orient === "top" && crowded ? -40 : 0,
    labelAlign: orient === "top" && crowded ? "left" : undefined,
    labelOverlap: cell < LINE,
  });
  const encoding = {
    x: {
      field: "predicted",
      type: "nominal",
      sort: classes,
      axis: axis("predicted", "top"),
      scale: { paddingInner: 0.04 },
    },
    y: {
      field: "actual",
      type: "nominal",
      sort: classes,
      axis: axis("actual", "left"),
      scale: { paddingInner: 0.04 },
    },
  };
  const numbers = {
    transform: [{ filter: "datum.count > 0" }],
    mark: { type: "text", fontSize: Math.max(7, Math.min(13, cell / 3.2)) },
    encoding: {
      ...encoding,
      text: { field: "count", type: "quantitative" },
      color: { condition: { test: "datum.share > 0.5", value: GROUND }, value: INK },
    },
  };
  return new Picture({
    title: {
      text: all > 0
        ? `${right} of ${all} right, ${(100 * right / all).toFixed(2)}%`
        : "no example was counted",
      subtitle: "colour: share of the actual class",
      subtitleColor: SOFT,
      subtitleFontSize: 11,
    },
    width: cell * classes.length,
    height: cell * classes.length,
    data: { values: cells },
    layer: [
      {
        mark: "rect",
        encoding: {
          ...encoding,
          color: {
            field: "share",
            type: "quantitative",
            scale: { domain: [0, 1], range: SHARES },
            legend: { format: ".0%", gradientLength: Math.min(160, cell * classes.length) },
          },
        },
      },
      ...classes.length < MANY ? [numbers] : [],
    ],
  });
}
