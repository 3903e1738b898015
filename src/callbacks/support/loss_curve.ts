/** The loss after an update, and its smoothed value. */
export interface LossPoint {
  readonly loss: number;
  readonly smoothed: number;
}

/** The sweep ends when the loss rises above the best by this many times its descent. */
const DIVERGED = 3;
/** Relative changes of a loss below this are rounding errors. */
const ROUNDING = 1e-6;

/**
 * Whether the smoothed loss is above its best by several times its descent so far, or the change of
 * the loss from step to step. Only differences count, so a constant that is added to the loss does not
 * matter, and neither does its sign.
 */
export function hasDiverged(curve: readonly LossPoint[], smoothed: number): boolean {
  const changes: number[] = [];
  let top = -Infinity, best = Infinity, descent = 0, largest = 0;
  curve.forEach(({ loss, smoothed }, index) => {
    if (index > 0) changes.push(Math.abs(loss - curve[index - 1].loss));
    largest = Math.max(largest, Math.abs(loss));
    top = Math.max(top, smoothed);
    best = Math.min(best, smoothed);
    descent = Math.max(descent, top - smoothed);
  });
  changes.sort((a, b) => a - b);
  const noise = 2 * (changes[changes.length >> 1] ?? Infinity);
  return smoothed - best > DIVERGED * Math.max(descent, noise, ROUNDING * largest);
}

/** Index at which the losses fall fastest, over steps of the same factor; -1 if they never fall. */
export function steepestDescent(losses: number[]): number {
  let steepest = 0, at = -1;
  for (let index = 1; index < losses.length - 1; index++) {
    const slope = (losses[index + 1] - losses[index - 1]) / 2;
    if (slope < steepest) [steepest, at] = [slope, index];
  }
  return at;
}

/**
 * Index two thirds of the way down the longest series of ever smaller losses; -1 if the losses never
 * fall.
 */
export function longestDescent(losses: number[]): number {
  // For each loss, the longest series that ends there: its length and its first index.
  const series: { length: number; begin: number }[] = [];
  let longest = -1;
  losses.forEach((loss, end) => {
    let best = { length: 1, begin: end };
    for (let before = 0; before < end; before++) {
      const { length, begin } = series[before];
      if (losses[before] > loss && length >= best.length) best = { length: length + 1, begin };
    }
    series.push(best);
    if (best.length > 1 && best.length > (series[longest]?.length ?? 0)) longest = end;
  });
  if (longest === -1) return -1;
  // Two thirds of the loss, not of the rates: a long plateau falls a little, too.
  const { begin } = series[longest];
  const level = losses[begin] + (losses[longest] - losses[begin]) * 2 / 3;
  return begin + losses.slice(begin).findIndex((loss) => loss <= level);
}
