import type { Dataset } from "./dataset.ts";

/**
 * A part of a dataset, as a dataset.
 *
 * It is a view: it copies no example, owns no tensor, and is of use as long as the dataset is.
 *
 * @param dataset The whole.
 * @param part Which examples: their indices, in any order, even repeatedly; or a range, `start`
 *   (default 0) to before `end` (default the dataset's length).
 * @returns A dataset whose example `i` is example `part[i]`, or `start + i`, of the whole.
 * @throws {RangeError} When an index is not an integer in [0, length), or the range not within the
 *   dataset.
 *
 * @example
 * ```ts
 * import { ArrayDataset, subset } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const letters = new ArrayDataset([..."abcdef"], { collate: (examples) => examples.join("") });
 * assertEquals(await subset(letters, [5, 0]).batch(Int32Array.of(0, 1)), "fa");
 * assertEquals(subset(letters, { start: 2 }).length, 4);
 * ```
 */
export function subset<B>(
  dataset: Dataset<B>,
  part: ArrayLike<number> | { readonly start?: number; readonly end?: number },
): Dataset<B> {
  const { length } = dataset;
  let indices: Int32Array;
  if ("length" in part) {
    for (let place = 0; place < part.length; place++) {
      if (!Number.isInteger(part[place]) || part[place] < 0 || part[place] >= length) {
        throw new RangeError(
          `Cannot take a subset as an index must be an integer in [0, ${length}): current value is ${
            part[place]
          }`,
        );
      }
    }
    indices = Int32Array.from(part);
  } else {
    const { start = 0, end = length } = part;
    const integers = Number.isInteger(start) && Number.isInteger(end);
    if (!integers || start < 0 || end < start || end > length) {
      throw new RangeError(
        `Cannot take a subset as the range must have integers 0 <= start <= end <= ${length}: ` +
          `current value is ${start} to ${end}`,
      );
    }
    indices = Int32Array.from({ length: end - start }, (_, index) => start + index);
  }
  return {
    length: indices.length,
    batch(places, signal) {
      return dataset.batch(
        places.map((place) => {
          if (!(place >= 0 && place < indices.length)) {
            throw new RangeError(
              `Cannot build a batch as an index must be in [0, ${indices.length}): current value is ${place}`,
            );
          }
          return indices[place];
        }),
        signal,
      );
    },
  };
}
