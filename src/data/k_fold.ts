import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { Dataset } from "./dataset.ts";
import { exampleOrder, type SplitOptions, strata, subset } from "./example_order.ts";

/**
 * One way to divide a dataset, of several in which each example is validated once.
 *
 * @category Data
 */
export interface Fold<B> {
  /** The examples to train on. */
  readonly train: Dataset<B>;
  /** The examples to validate on. */
  readonly validation: Dataset<B>;
}

/**
 * Divides a dataset for cross-validation: into folds of about the same size, each of which is the
 * validation part once, while all others are trained on.
 *
 * As `KFold` and `StratifiedKFold` of scikit-learn.
 *
 * @param dataset The whole dataset.
 * @param folds Number of folds, an integer in [2, length of the dataset].
 * @param options How to choose examples, as for {@linkcode split}. With `stratify`, every fold has the
 *   same share of each class, as far as numbers allow.
 * @returns The folds; their parts are views, see {@linkcode subset}.
 * @throws {RangeError} If `folds` is out of range.
 * @throws {TypeError} If an option is unknown, or `stratify` does not fit the dataset.
 *
 * @example
 * ```ts
 * import { ArrayDataset } from "@trainchart/trainchart";
 * import { kFold } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = new ArrayDataset([..."aaaabb"], { collate: (examples) => examples.join("") });
 * const folds = kFold(dataset, 2, { stratify: dataset.examples });
 * for (const { train, validation } of folds) {
 *   assertEquals([train.length, validation.length], [3, 3]);
 * }
 * ```
 *
 * @category Data
 */
export function kFold<B>(
  dataset: Dataset<B>,
  folds: number,
  options: SplitOptions = {},
): Fold<B>[] {
  const action = "divide into folds";
  checkOptions(action, options, { shuffle: "flag", seed: true, stratify: true });
  const { shuffle = true, seed = 0, stratify } = options;
  const { length } = dataset;
  checkNumber(action, "the number of folds", folds, { integer: true, min: 2, max: length });
  const order = exampleOrder(length, shuffle ? seed : undefined);
  const rank = new Int32Array(length);
  order.forEach((example, place) => rank[example] = place);
  const groups = stratify ? strata(action, stratify, length) : [[...order]];
  const sorted = groups.flatMap((examples) => examples.toSorted((a, b) => rank[a] - rank[b]));
  // Dealing out one class after another keeps both classes and folds even.
  const foldOf = new Int32Array(length);
  sorted.forEach((example, place) => foldOf[example] = place % folds);
  const part = (isWanted: (fold: number) => boolean) =>
    subset(dataset, order.filter((example) => isWanted(foldOf[example])));
  return Array.from({ length: folds }, (_, fold) => ({
    train: part((other) => other !== fold),
    validation: part((other) => other === fold),
  }));
}
