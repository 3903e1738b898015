/**
 * Whether a value is a promise, or anything else that can be awaited.
 *
 * @param value Any value.
 * @returns Whether the value has a method `then`.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === "function";
}
