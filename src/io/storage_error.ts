/** What is wrong with a file, as far as a program can act on it. */
export type StorageProblem = "damaged" | "version" | "mismatch";

/**
 * Thrown where a file cannot be used: it is not whole, it is of a newer version, or it does not
 * belong to this model. Errors of the file system itself, such as `Deno.errors.NotFound`, are
 * passed on as they are.
 *
 * @example
 * ```ts
 * import { StorageError } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new StorageError("mismatch", "Cannot load weights", ["no weight dense/bias"]);
 * assertEquals(error.problem, "mismatch");
 * assertEquals(error.message, "Cannot load weights:\n- no weight dense/bias");
 * ```
 */
export class StorageError extends Error {
  /** The name of the class. */
  override readonly name = "StorageError";
  /** What is wrong: with the file, its version, or its match with the model. */
  readonly problem: StorageProblem;
  /** Each difference between what is there and what is needed. */
  readonly differences: readonly string[];

  /**
   * Lists the differences below the message.
   *
   * @param problem What is wrong.
   * @param message What could not be done, and why.
   * @param differences One line each. Default: none.
   * @param options The cause, if there is one.
   */
  constructor(
    problem: StorageProblem,
    message: string,
    differences: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super([differences.length > 0 ? `${message}:` : message, ...differences].join("\n- "), options);
    this.problem = problem;
    this.differences = differences;
  }
}
