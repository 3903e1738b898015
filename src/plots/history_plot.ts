import type { History } from "../pictures.ts";
import { Picture } from "./picture.ts";
import { COLORS, logarithmic } from "./theme.ts";

const WIDTH = 600;
/** From this ratio of largest to smallest on, a loss is drawn on a logarithmic scale. */
const WIDE = 30;
/** Number of batches that the smooth line averages, about. */
const MEMORY = 20;

interface Point {
  /** Epochs since the beginning. */
  epoch: number;
  value: number;
  series: string;
}

/** Draws a training: the loss, every metric, and the learning rate, over epochs. */
export function historyPlot(history: History): Picture {
  const perEpoch = history.epochs.flatMap(({ epoch, metrics }) =>
    Object.entries(metrics).map(([name, value]) => {
      const dot = name.indexOf(".");
      const series = name.slice(0, dot) === "train" ? "training" : name.slice(0, dot);
      return { epoch: epoch + 1, value, series, metric: name.slice(dot + 1) };
    })
  );
  const metrics = [...new Set(perEpoch.map(({ metric }) => metric))];
  const batches = batchPoints(history);
  return new Picture({
    vconcat: [
      panel("loss", 220, perEpoch.filter(({ metric }) => metric === "loss"), batches),
      ...metrics.filter((metric) => metric !== "loss").map((name) =>
        panel(name, 150, perEpoch.filter(({ metric }) => metric === name), [])
      ),
      ...ratePanel(history),
    ],
    resolve: { scale: { x: "shared", color: "independent" } },
    spacing: 24,
  });
}

/** Losses of batches, each at its place in its epoch, and a smooth line through them. */
function batchPoints({ batches, epochs }: History): Point[] {
  const finite = batches.filter(({ loss }) => Number.isFinite(loss));
  const scale = perStep({ batches, epochs });
  let smooth = NaN;
  return finite.flatMap(({ step, loss }) => {
    smooth = Number.isNaN(smooth) ? loss : smooth + (loss - smooth) / MEMORY;
    const epoch = (step + 1) * scale;
    return [
      { epoch, value: loss, series: "batch" },
      { epoch, value: smooth, series: "batches, smoothed" },
    ];
  });
}

/** The share of an epoch that one batch is. */
function perStep({ batches, epochs }: Pick<History, "batches" | "epochs">): number {
  const last = batches.at(-1);
  return last ? Math.max(epochs.length, last.epoch + 1) / (last.step + 1) : 1;
}

function panel(name: string, height: number, epochs: Point[], batches: Point[]): unknown {
  const all = [...batches, ...epochs].map(({ value }) => value).filter(Number.isFinite);
  const [low, high] = all.reduce(([a, b], c) => [Math.min(a, c), Math.max(b, c)], [Infinity, 0]);
  const log = low > 0 && high / low > WIDE;
  const encoding = {
    x: { field: "epoch", type: "quantitative", title: "epoch", axis: { tickMinStep: 1 } },
    y: {
      field: "value",
      type: "quantitative",
      title: null,
      ...log ? logarithmic(low, high) : { scale: { zero: false }, axis: { tickCount: 5 } },
    },
    color: {
      field: "series",
      type: "nominal",
      scale: {
        domain: [...new Set([...batches, ...epochs].map(({ series }) => series))],
        range: [...new Set([...batches, ...epochs].map(({ series }) => series))].map(colorOf),
      },
      legend: { orient: "top" }, // on a telephone, a legend at the right is out of sight
    },
  };
  const line = (series: string, width: number) => ({
    data: { values: batches.filter((point) => point.series === series) },
    mark: { type: "line", strokeWidth: width },
    encoding,
  });
  return {
    title: log ? `${name} (logarithmic)` : name,
    width: WIDTH,
    height,
    layer: [
      ...batches.length > 0 ? [line("batch", 0.75), line("batches, smoothed", 1.75)] : [],
      {
        data: { values: epochs.filter(({ value }) => Number.isFinite(value)) },
        mark: { type: "line", strokeWidth: 2, point: { size: 36, filled: true } },
        encoding,
      },
    ],
  };
}

/** The learning rate, if it has changed. */
function ratePanel({ batches, epochs }: History): unknown[] {
  const rates = new Set(batches.map(({ learningRate }) => learningRate));
  if (rates.size < 2) return [];
  const scale = perStep({ batches, epochs });
  const values = batches.map(({ step, learningRate }) => ({
    epoch: (step + 1) * scale,
    value: learningRate,
  }));
  return [{
    title: "learning rate, per step",
    width: WIDTH,
    height: 90,
    data: { values },
    mark: { type: "line", color: COLORS[3], strokeWidth: 2 },
    encoding: {
      x: { field: "epoch", type: "quantitative", title: "epoch", axis: { tickMinStep: 1 } },
      y: {
        field: "value",
        type: "quantitative",
        title: null,
        axis: { format: ".4~g", tickCount: 3 },
      },
    },
  }];
}

function colorOf(series: string): string {
  switch (series) {
    case "batch":
      return "#c9dcea";
    case "batches, smoothed":
      return "#7fb3d5";
    case "training":
      return COLORS[0];
    case "validation":
      return COLORS[1];
    default:
      return COLORS[2];
  }
}
