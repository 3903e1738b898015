/** How often values fall between edges. */
export interface Histogram {
  /** The smallest value; NaN if there is none that is finite. */
  min: number;
  /** The largest value; NaN if there is none that is finite. */
  max: number;
  /** Of each bin; the bins are equally wide and go from `min` to `max`. */
  counts: number[];
}

/** What there is to say of many numbers. */
export interface TensorStats {
  /** How many there are. */
  size: number;
  /** Of the finite ones; NaN if there is none. */
  mean: number;
  /** Standard deviation of the finite ones; NaN if there is none. */
  deviation: number;
  /** The share whose absolute value is at most `threshold`, in [0, 1]. */
  nearZero: number;
  /** How many are NaN or infinite. */
  nonFinite: number;
  /** Of the finite ones. */
  histogram: Histogram;
}

/** Options of {@linkcode tensorStats}. */
export interface TensorStatsOptions {
  /** The number of bins, an integer >= 1. Default: 40. */
  bins?: number;
  /** What counts as zero, >= 0. Default: 1e-6. */
  threshold?: number;
}

/**
 * Mean, deviation, share near zero and histogram of numbers that were read off the device.
 *
 * @param values What `tensor.data()` gave.
 * @param options Bins, and what counts as zero.
 */
export function tensorStats(
  values: ArrayLike<number>,
  { bins = 40, threshold = 1e-6 }: TensorStatsOptions = {},
): TensorStats {
  let [min, max, sum, finite, zeros] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    finite++;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
    if (Math.abs(value) <= threshold) zeros++;
  }
  const mean = sum / finite;
  const counts = new Array<number>(bins).fill(0);
  const scale = max > min ? bins / (max - min) : 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    squares += (value - mean) ** 2;
    counts[Math.min(bins - 1, Math.floor((value - min) * scale))]++;
  }
  return {
    size: values.length,
    mean,
    deviation: Math.sqrt(squares / finite),
    nearZero: zeros / values.length,
    nonFinite: values.length - finite,
    histogram: finite > 0 ? { min, max, counts } : { min: NaN, max: NaN, counts },
  };
}
