import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { checkIndices, type Dataset } from "./dataset.ts";

/**
 * Returns a part of a dataset, as a dataset.
 *
 * The part is a view: it copies no example, owns no tensor, and can be used as long as the whole
 * dataset can.
 *
 * @param dataset The whole dataset.
 * @param part Indices of examples, in any order, also repeated; or a range from `start` (default: 0)
 *   to before `end` (default: the length of the dataset).
 * @returns A dataset whose example `i` is example `part[i]`, or `start + i`, of the whole.
 * @throws {RangeError} If an index is not an integer in [0, length), or the range is not within the
 *   dataset.
 * @throws {TypeError} If the range has an unknown option.
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
 *
 * @category Data
 */
export function subset<B>(
  dataset: Dataset<B>,
  part: ArrayLike<number> | { readonly start?: number; readonly end?: number },
): Dataset<B> {
  const { length } = dataset;
  let indices: Int32Array;
  if ("length" in part) {
    for (let place = 0; place < part.length; place++) {
      checkNumber("take a subset", "an index", part[place], {
        integer: true,
        min: 0,
        below: length,
      });
    }
    indices = Int32Array.from(part);
  } else {
    checkOptions("take a subset", part, { start: true, end: true });
    const { start = 0, end = length } = part;
    checkNumber("take a subset", "end", end, { integer: true, min: 0, max: length });
    checkNumber("take a subset", "start", start, { integer: true, min: 0, max: end });
    indices = Int32Array.from({ length: end - start }, (_, index) => start + index);
  }
  return {
    length: indices.length,
    batch(places, signal) {
      checkIndices(places, indices.length);
      return dataset.batch(places.map((place) => indices[place]), signal);
    },
  };
}
