/**
 * The functions of `jsr:@std/assert` that our tests use, for machines that do not reach JSR. Each
 * is one call of `node:assert/strict`, under the same name and signature.
 *
 * @module
 */
import assertion from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type Constructor<E> = abstract new (...args: any[]) => E;

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  assertion.ok(expr, msg || "Expected a truthy value");
}

/** Asserts that `expr` is `false`. */
export function assertFalse(expr: unknown, msg?: string): asserts expr is false {
  assertion.equal(expr, false, msg);
}

/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  assertion.deepEqual(actual, expected, msg);
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  assertion.notDeepEqual(actual, expected, msg);
}

/** Asserts identity. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  assertion.equal(actual, expected, msg);
}

/** Asserts that two numbers differ by at most `tolerance`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = Math.max(1e-7 * Math.abs(expected), Number.EPSILON),
  msg?: string,
): void {
  assertion.ok(
    Object.is(actual, expected) || Math.abs(actual - expected) <= tolerance,
    msg ?? `Expected ${actual} to be within ${tolerance} of ${expected}`,
  );
}

/** Asserts `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  assertion.ok(actual > expected, msg ?? `Expected ${actual} > ${expected}`);
}

/** Asserts `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  assertion.ok(actual >= expected, msg ?? `Expected ${actual} >= ${expected}`);
}

/** Asserts `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  assertion.ok(actual < expected, msg ?? `Expected ${actual} < ${expected}`);
}

/** Asserts `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  assertion.ok(actual <= expected, msg ?? `Expected ${actual} <= ${expected}`);
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  assertion.ok(
    actual.includes(expected),
    msg ?? `Expected ${JSON.stringify(actual)} to contain ${JSON.stringify(expected)}`,
  );
}

/** Asserts that `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  assertion.match(actual, expected, msg);
}

/** Asserts that `actual` does not match `expected`. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  assertion.doesNotMatch(actual, expected, msg);
}

/** Asserts that a value is neither `null` nor `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  assertion.ok(actual !== undefined && actual !== null, msg ?? "Expected a value");
}

/** Asserts that a value is an instance of a class. */
export function assertInstanceOf<E>(
  actual: unknown,
  expectedType: Constructor<E>,
  msg?: string,
): asserts actual is E {
  assertion.ok(
    actual instanceof expectedType,
    msg ?? `Expected an instance of ${expectedType.name}, got ${actual}`,
  );
}

/** Asserts that an error has a class and a message. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  assertInstanceOf(error, ErrorClass ?? Error, msg);
  if (typeof msgMatches === "string") assertStringIncludes(error.message, msgMatches, msg);
  else if (msgMatches) assertMatch(error.message, msgMatches, msg);
}

/** Asserts that `fn` throws. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E = Error as never,
  msgIncludes = "",
  msg?: string,
): E {
  let thrown: unknown;
  assertion.throws(fn, (error) => (thrown = error, true), msg);
  assertIsError(thrown, ErrorClass, msgIncludes, msg);
  return thrown;
}

/** Asserts that the promise of `fn` rejects. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E = Error as never,
  msgIncludes = "",
  msg?: string,
): Promise<E> {
  let thrown: unknown;
  await assertion.rejects(async () => await fn(), (error) => (thrown = error, true), msg);
  assertIsError(thrown, ErrorClass, msgIncludes, msg);
  return thrown;
}

/** Fails. */
export function fail(msg?: string): never {
  assertion.fail(msg ?? "Failed");
}
