import type { LivePoint, LivePoints, SeriesName } from "../messages.ts";

/** The three series, put together of what was sent. */
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

  /** The names of what was measured per epoch, without the phase and without the loss. */
  get metrics(): string[] {
    const { epochs, validations } = this.series;
    const newest = [epochs.points.at(-1), validations.points.at(-1)];
    const names = newest.flatMap((point) => Object.keys(point?.values ?? {}))
      .map((name) => name.slice(name.indexOf(".") + 1));
    return [...new Set(names)].filter((name) => name !== "loss");
  }

  /** Steps and values of one quantity. */
  line(series: SeriesName, name: string): [number[], (number | null)[]] {
    const points = this.series[series].points.filter(({ values }) => name in values);
    return [points.map(({ step }) => step), points.map(({ values }) => values[name])];
  }
}

/**
 * The exponential moving average, without the bias that a start at zero would give it: D. Kingma,
 * J. Ba, "Adam", 2015, section 3, <https://arxiv.org/abs/1412.6980>.
 *
 * @param decay In [0, 1): how much of the mean so far is kept at each value.
 */
export function smooth(values: readonly (number | null)[], decay: number): (number | null)[] {
  let [mean, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    mean = decay * mean + (1 - decay) * value;
    weight = decay * weight + (1 - decay);
    return mean / weight;
  });
}
