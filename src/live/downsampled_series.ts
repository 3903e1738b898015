/** How far somebody has read a series. */
export interface SeriesCursor {
  generation: number;
  read: number;
}

/**
 * A series that stays bounded: once there are more points than wanted, every second one is
 * dropped, and from then on only every second one is kept. What is left is evenly spaced, and each
 * point is exactly what was measured.
 */
export class DownsampledSeries<Point> {
  /** What is kept. */
  points: Point[] = [];
  /** One of so many is kept. */
  stride = 1;
  /** How many there were. */
  total = 0;
  /** Changes whenever points were dropped. */
  #generation = 0;
  readonly #limit: number;

  /** @param limit At most how many points are kept, an integer >= 2. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a point, which is made only if it is one of those that are kept. */
  add(make: () => Point): void {
    if (this.total++ % this.stride !== 0) return;
    this.points.push(make());
    if (this.points.length <= this.#limit) return;
    this.points = this.points.filter((_, index) => index % 2 === 0);
    this.stride *= 2;
    this.#generation++;
  }

  /**
   * What is new for a reader, whose cursor is moved.
   *
   * @param cursor How far was read; a new one begins at `{ generation: -1, read: 0 }`.
   * @param ready Whether a point may be read: it, and what follows, waits until it may.
   */
  since(
    cursor: SeriesCursor,
    ready: (point: Point) => boolean,
  ): { reset: boolean; points: Point[] } {
    const reset = cursor.generation !== this.#generation;
    const from = reset ? 0 : cursor.read;
    const waiting = this.points.findIndex((point, index) => index >= from && !ready(point));
    const to = waiting < 0 ? this.points.length : waiting;
    cursor.generation = this.#generation;
    cursor.read = to;
    return { reset, points: this.points.slice(from, to) };
  }
}
