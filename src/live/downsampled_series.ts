/** Position of a reader in a series. */
export interface SeriesCursor {
  generation: number;
  read: number;
}

/**
 * A series that stays bounded: once it is full, every second point is dropped, and from then on only
 * every second new point is kept. The remaining points are evenly spaced, and each is exactly what
 * was measured.
 */
export class DownsampledSeries<Point> {
  /** The points that are kept. */
  points: Point[] = [];
  /** One in this many points is kept. */
  stride = 1;
  /** Number of points that were added. */
  total = 0;
  /** Changes whenever points were dropped. */
  #generation = 0;
  readonly #limit: number;

  /** @param limit Maximum number of points, an integer >= 2. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a point; `make` is called only if the point is kept. */
  add(make: () => Point): void {
    if (this.total++ % this.stride !== 0) return;
    this.points.push(make());
    if (this.points.length <= this.#limit) return;
    this.points = this.points.filter((_, index) => index % 2 === 0);
    this.stride *= 2;
    this.#generation++;
  }

  /**
   * Returns the points that a reader has not seen, and moves its cursor.
   *
   * @param cursor Position of the reader; a new reader starts at `{ generation: -1, read: 0 }`.
   * @param ready Whether a point may be read. A point that is not ready holds back all later ones.
   * @returns `reset` is true if the points replace all that the reader has seen.
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
