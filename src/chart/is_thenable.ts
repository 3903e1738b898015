/**
 * Whether a value must be awaited.
 *
 * @param value Anything.
 * @returns Whether it has a method `then`.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === "function";
}
