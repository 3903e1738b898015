import { describeValue } from "../checks/describe_value.ts";
import { keyedRandom, permutation } from "../random/random_numbers.ts";

/**
 * Class of each example, by index: numbers or names.
 *
 * @category Data
 */
export type Classes = ArrayLike<number | string>;

/**
 * Groups examples by class.
 *
 * @param action Completes "Cannot …", for errors.
 * @param classes The class of each example.
 * @param length Number of examples.
 * @returns The indices of the examples of each class, classes in the order in which they first occur.
 * @throws {TypeError} If there is not one class for each example.
 */
export function strata(action: string, classes: Classes, length: number): number[][] {
  if (typeof classes !== "object" || classes === null || classes.length !== length) {
    throw new TypeError(
      `Cannot ${action} as stratify must have the class of each of ${length} examples: ` +
        `current value is ${describeValue(classes)}`,
    );
  }
  const groups = new Map<number | string, number[]>();
  for (let index = 0; index < length; index++) {
    const group = groups.get(classes[index]);
    if (group) group.push(index);
    else groups.set(classes[index], [index]);
  }
  return [...groups.values()];
}

/** Returns the indices of all examples: in an order that depends on a seed, or in their own. */
export function exampleOrder(length: number, seed: number | undefined): Int32Array {
  return seed === undefined
    ? Int32Array.from({ length }, (_, index) => index)
    : permutation(length, keyedRandom(seed));
}
