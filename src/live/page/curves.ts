import type { LivePoint, LivePoints, SeriesName } from "../messages.ts";

/** The three series, assembled from messages. */
export class Curves {
  readonly series: Record<SeriesName, { points: LivePoint[]; stride: number; total: number }> = {
    batches: { points: [], stride: 1, total: 0 },
    epochs: { points: [], stride: 1, total: 0 },
    validations: { points: [], stride: 1, total: 0 },
  };

  add({ series, reset, points, stride, total }: LivePoints): void {
    const before = reset ? [] : this.series[series].points;
    this.series[series] = { points: [...before, ...points], stride, total };
  }

  /** Names of the metrics per epoch, without the phase and without the loss. */
  get metrics(): string[] {
    const { epochs, validations } = this.series;
    const newest = [epochs.points.at(-1), validations.points.at(-1)];
    const names = newest.flatMap((point) => Object.keys(point?.values ?? {}))
      .map((name) => name.slice(name.indexOf(".") + 1));
    return [...new Set(names)].filter((name) => name !== "loss");
  }

  /** Steps and values of one quantity of a series. */
  line(series: SeriesName, name: string): [number[], (number | null)[]] {
    const points = this.series[series].points.filter(({ values }) => name in values);
    return [points.map(({ step }) => step), points.map(({ values }) => values[name])];
  }
}
