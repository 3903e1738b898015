/** How often in a row the mark must rise: what is set up once makes it rise once. */
const RISES = 2;

/**
 * Tells steady growth from coming and going: the smallest number that is seen in a window of time
 * rises from window to window only if something never goes.
 */
export class GrowthDetector {
  #low = Infinity;
  #before: number | undefined;
  #rises = 0;

  /** A number that was seen. */
  observe(count: number): void {
    this.#low = Math.min(this.#low, count);
  }

  /** Ends a window; tells whether the mark has risen once too often. */
  close(): boolean {
    if (this.#low === Infinity) return false;
    this.#rises = this.#before !== undefined && this.#low > this.#before ? this.#rises + 1 : 0;
    this.#before = this.#low;
    this.#low = Infinity;
    return this.#rises >= RISES;
  }
}
