import type { LiveLog } from "./messages.ts";

/** Maximum number of lines that are kept. */
const LINES = 200;
/** Maximum length of a line, in characters. */
const LINE_LENGTH = 500;

/** The newest lines of a log. */
export class LogBuffer {
  /** Number of lines that were added. */
  total = 0;
  readonly #lines: { time: number; text: string }[] = [];

  /** Adds a line. */
  add(text: string): void {
    this.#lines.push({ time: Date.now(), text: text.trimEnd().slice(0, LINE_LENGTH) });
    this.total++;
    if (this.#lines.length > LINES) this.#lines.shift();
  }

  /**
   * Returns the kept lines that a reader has not seen.
   *
   * @param read Value of `total` when the reader read last; 0 at first.
   */
  since(read: number): LiveLog["lines"] {
    const missed = Math.min(this.total - read, this.#lines.length);
    return missed > 0 ? this.#lines.slice(-missed) : [];
  }
}
