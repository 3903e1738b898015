/** Number of rises of the low in a row that count as growth: a single set-up causes one rise. */
const RISES = 2;

/**
 * Knows steady growth from coming and going: the smallest number in a window of time rises from
 * window to window only if something is never removed.
 */
export class GrowthDetector {
  #low = Infinity;
  #before: number | undefined;
  #rises = 0;

  /** Takes a number into the current window. */
  observe(count: number): void {
    this.#low = Math.min(this.#low, count);
  }

  /** Ends a window; returns whether its low is the last of a row of rising ones. */
  close(): boolean {
    if (this.#low === Infinity) return false;
    this.#rises = this.#before !== undefined && this.#low > this.#before ? this.#rises + 1 : 0;
    this.#before = this.#low;
    this.#low = Infinity;
    return this.#rises >= RISES;
  }
}
