import { checkNumber } from "../checks/check_number.ts";

/**
 * Checks the indices of a batch.
 *
 * @param indices Indices of examples.
 * @param length Number of examples in the dataset.
 * @throws {RangeError} If an index is not an integer in [0, `length`).
 */
export function checkIndices(indices: Int32Array, length: number): void {
  for (const index of indices) {
    if (!(index >= 0 && index < length)) {
      checkNumber("build a batch", "an index", index, { integer: true, min: 0, below: length });
    }
  }
}
