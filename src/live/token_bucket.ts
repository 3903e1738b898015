/** Limits a rate: a burst is allowed, then so many a second. */
export class TokenBucket {
  #left: number;
  #at = performance.now();
  readonly #burst: number;
  readonly #perSecond: number;

  /** Starts full: with a whole burst. */
  constructor({ burst, perSecond }: { burst: number; perSecond: number }) {
    this.#left = this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Takes one token. Returns whether there was one. */
  take(): boolean {
    const now = performance.now();
    const earned = (now - this.#at) * this.#perSecond / 1000;
    this.#at = now;
    this.#left = Math.min(this.#burst, this.#left + earned);
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
