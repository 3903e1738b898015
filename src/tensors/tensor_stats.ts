import { checkNumber, checkOptions } from "../checks/check_options.ts";

/**
 * Numbers of values in intervals.
 *
 * @category Statistics
 */
export interface Histogram {
  /** The smallest finite value; NaN if no value is finite. */
  min: number;
  /** The largest finite value; NaN if no value is finite. */
  max: number;
  /** Number of values in each bin; the bins are equally wide and cover `min` to `max`. */
  counts: number[];
}

/**
 * Statistics of many numbers.
 *
 * @category Statistics
 */
export interface TensorStats {
  /** Number of values. */
  size: number;
  /** Mean of the finite values; NaN if no value is finite. */
  mean: number;
  /** Standard deviation of the finite values; NaN if no value is finite. */
  deviation: number;
  /** Share of values whose absolute value is at most `threshold`, in [0, 1]. */
  nearZero: number;
  /** Number of values that are NaN or infinite. */
  nonFinite: number;
  /** Histogram of the finite values. */
  histogram: Histogram;
}

/**
 * Options of {@linkcode tensorStats}.
 *
 * @category Statistics
 */
export interface TensorStatsOptions {
  /** The number of bins, an integer >= 1. Default: 40. */
  bins?: number;
  /** Largest absolute value that counts as zero, >= 0. Default: 1e-6. */
  threshold?: number;
}

/**
 * Computes mean, deviation, share near zero and histogram of the elements of a tensor.
 *
 * @param values The elements, as `tensor.data()` returns them.
 * @param options Number of bins, and the threshold of zero.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If an option is out of range.
 */
export function tensorStats(
  values: ArrayLike<number>,
  options: TensorStatsOptions = {},
): TensorStats {
  const action = "compute statistics";
  checkOptions(action, options, { bins: true, threshold: true });
  const { bins = 40, threshold = 1e-6 } = options;
  checkNumber(action, "bins", bins, { integer: true, min: 1 });
  checkNumber(action, "threshold", threshold, { min: 0 });
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

/**
 * Statistics of one layer, or of one weight, in one batch.
 *
 * @category Plots
 */
export interface LayerRecord extends TensorStats {
  /** Index of the batch among all training batches of the run, 0-based. */
  step: number;
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** The name of the layer or weight. */
  layer: string;
}
