/**
 * Kinds of problems with a file that a program can react to.
 *
 * @category Files
 */
export type StorageProblem = "damaged" | "version" | "mismatch";

/**
 * Thrown if a file cannot be used: it is damaged, of a newer version, or does not belong to the
 * model. Errors of the file system, such as those with the code `ENOENT`,
 * which on Deno are also `Deno.errors.NotFound`, are thrown as they are.
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
 *
 * @category Files
 */
export class StorageError extends Error {
  /** The name of the class. */
  override readonly name = "StorageError";
  /** The problem: a damaged file, a newer version, or a mismatch with the model. */
  readonly problem: StorageProblem;
  /** All differences between the file and the model, a line each. */
  readonly differences: readonly string[];

  /**
   * Lists the differences below the message.
   *
   * @param problem The problem.
   * @param message The message.
   * @param differences Differences between the file and the model, a line each. Default: none.
   * @param options The cause. Default: none.
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
