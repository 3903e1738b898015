/** Allows a burst, and then so much a second: a token bucket. */
export class TokenBucket {
  #left: number;
  #at = performance.now();
  readonly #burst: number;
  readonly #perSecond: number;

  /** Begins with a whole burst. */
  constructor({ burst, perSecond }: { burst: number; perSecond: number }) {
    this.#left = this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Whether one more is allowed. */
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
