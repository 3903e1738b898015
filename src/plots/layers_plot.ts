import type { LayerRecord } from "../tensors/tensor_stats.ts";
import { Picture } from "./picture.ts";
import { DENSITIES } from "./theme.ts";

const WIDTH = 250;
/** Largest overhang of labels beyond the ends of an axis, in pixels: titles would move. */
const FLUSH = 8;
/** Space between panels, with their axes: with bounds of their own, no two would stand in line. */
const SPACING = { row: 76, column: 52 };
const LEGEND = { orient: "top", columns: 4, labelLimit: WIDTH };
/** Number of rows in a picture of histograms. */
const ROWS = 40;

/** Draws statistics of layers: three numbers over time, and for each layer its histograms. */
export function layersPlot(records: readonly LayerRecord[]): Picture {
  const layers = [...new Set(records.map(({ layer }) => layer))];
  const panels = [
    ["mean", "mean"],
    ["deviation", "standard deviation"],
    ["nearZero", "share near zero"],
  ].map(([field, title]) => ({
    title,
    width: WIDTH,
    height: 150,
    data: {
      values: records.map((record) => ({
        step: record.step,
        layer: record.layer,
        value: record[field as "mean"],
      })),
    },
    mark: { type: "line", strokeWidth: 1.75, point: records.length < 40 },
    encoding: {
      x: { field: "step", type: "quantitative", title: "batch", axis: { tickCount: 5 } },
      y: {
        field: "value",
        type: "quantitative",
        title: null,
        ...field === "nearZero" && { scale: { domain: [0, 1] } },
        axis: {
          tickCount: 5,
          labelFlush: FLUSH,
          format: field === "nearZero" ? ".0%" : ".4~g",
        },
      },
      color: { field: "layer", type: "nominal", sort: layers, legend: LEGEND },
    },
  }));
  return new Picture({
    vconcat: [
      {
        hconcat: panels,
        bounds: "flush",
        spacing: SPACING.column,
        resolve: { scale: { color: "shared" } },
      },
      {
        concat: layers.map((layer) => heatMap(layer, records.filter((r) => r.layer === layer))),
        columns: 3,
        bounds: "flush",
        spacing: SPACING,
        title: { text: "values over time: the stronger the colour, the more", offset: 16 },
        resolve: { scale: { color: "independent", y: "independent" } },
      },
    ],
    spacing: 32,
  });
}

function heatMap(layer: string, records: readonly LayerRecord[]): unknown {
  const finite = records.filter(({ histogram }) => Number.isFinite(histogram.min));
  const low = Math.min(...finite.map(({ histogram }) => histogram.min));
  const high = Math.max(...finite.map(({ histogram }) => histogram.max));
  const steps = finite.map(({ step }) => step);
  const values = finite.flatMap((record, index) => {
    const next = steps[index + 1] ?? record.step + (record.step - (steps[index - 1] ?? -1));
    return spread(record, low, high).map((share, row) => ({
      from: record.step,
      to: next,
      bottom: low + row * (high - low) / ROWS,
      top: low + (row + 1) * (high - low) / ROWS,
      density: Math.log1p(1000 * share),
    })).filter(({ density }) => density > 0);
  });
  return {
    title: { text: layer, fontSize: 12, fontWeight: "normal" },
    width: WIDTH,
    height: 120,
    data: { values },
    mark: "rect",
    encoding: {
      x: {
        field: "from",
        type: "quantitative",
        title: "batch",
        axis: { grid: false, tickCount: 5 },
        scale: { nice: false },
      },
      x2: { field: "to" },
      y: {
        field: "bottom",
        type: "quantitative",
        title: null,
        scale: { zero: false, nice: false },
        axis: { grid: false, tickCount: 5, labelFlush: FLUSH, format: ".4~g" },
      },
      y2: { field: "top" },
      color: {
        field: "density",
        type: "quantitative",
        scale: { range: DENSITIES },
        legend: null,
      },
    },
  };
}

/** The histogram of a record, on rows between `low` and `high` that all records share. */
function spread({ histogram: { min, max, counts }, size }: LayerRecord, low: number, high: number) {
  const rows = new Array<number>(ROWS).fill(0);
  const width = (max - min) / counts.length;
  const scale = high > low ? ROWS / (high - low) : 0;
  counts.forEach((count, bin) => {
    const from = (min + bin * width - low) * scale;
    const to = (min + (bin + 1) * width - low) * scale;
    for (let row = Math.min(ROWS - 1, Math.floor(from)); row < ROWS && row <= to; row++) {
      const overlap = Math.min(row + 1, to) - Math.max(row, from);
      rows[row] += count / size * (to > from ? Math.max(0, overlap) / (to - from) : 1);
      if (to <= from) break;
    }
  });
  return rows;
}
