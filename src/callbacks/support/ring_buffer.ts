/** Keeps the newest of what is put into it. */
export class RingBuffer<T> implements Iterable<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  #count = 0;

  /**
   * @param capacity How many are kept, an integer >= 1.
   */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many were put in and are gone. */
  get dropped(): number {
    return Math.max(0, this.#count - this.#capacity);
  }

  /** Puts one in, in place of the oldest where there is no more room. */
  push(item: T): void {
    this.#items[this.#count++ % this.#capacity] = item;
  }

  /** From the oldest to the newest. */
  *[Symbol.iterator](): Iterator<T> {
    for (let index = this.dropped; index < this.#count; index++) {
      yield this.#items[index % this.#capacity];
    }
  }
}
