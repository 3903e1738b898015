/**
 * The part of `jsr:@std/testing/time` that our tests use, for machines that do not reach JSR: calls of
 * `sinon`, under the same names and signatures.
 *
 * @module
 */
import sinon from "npm:sinon@22.1.0";

/** Replaces the clock and the timers until it is restored. */
export class FakeTime {
  // deno-lint-ignore no-explicit-any -- sinon's types are not installed
  readonly #clock: any;

  constructor(start: number | string | Date = Date.now()) {
    this.#clock = sinon.useFakeTimers({ now: new Date(start) });
  }

  /** The time, ms since the epoch. */
  get now(): number {
    return this.#clock.now;
  }

  /** Lets time go by, and runs the timers that fall due. */
  tick(ms = 0): void {
    this.#clock.tick(ms);
  }

  /** The same, and lets promises settle in between. */
  async tickAsync(ms = 0): Promise<void> {
    await this.#clock.tickAsync(ms);
  }

  /** Gives back the real clock. */
  restore(): void {
    this.#clock.restore();
  }

  [Symbol.dispose](): void {
    this.restore();
  }
}
