/** Keeps the newest of all items that are put into it. */
export class RingBuffer<T> implements Iterable<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  #count = 0;

  /**
   * @param capacity Number of items that are kept, an integer >= 1.
   */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of items that are no longer kept. */
  get dropped(): number {
    return Math.max(0, this.#count - this.#capacity);
  }

  /** Puts an item in, in place of the oldest if the buffer is full. */
  push(item: T): void {
    this.#items[this.#count++ % this.#capacity] = item;
  }

  /** The items, from the oldest to the newest. */
  *[Symbol.iterator](): Iterator<T> {
    for (let index = this.dropped; index < this.#count; index++) {
      yield this.#items[index % this.#capacity];
    }
  }
}
