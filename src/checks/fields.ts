/**
 * Checks of data of unknown origin, such as the content of a file, field by field.
 *
 * A check looks at a value and returns its first problem, with the path of the field. Checks are
 * composed, and are meant to be imported together:
 *
 * ```ts
 * import * as field from "./fields.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const check = field.record({ epoch: field.integer({ min: 0 }), name: field.optional(field.text) });
 * assertEquals(check({ epoch: 3 }, "run"), undefined);
 * assertEquals(check({ epoch: "3" }, "run"), {
 *   path: "run.epoch",
 *   required: "must be an integer >= 0",
 *   actual: '"3"',
 * });
 * ```
 *
 * @module
 */
import { describeRange, describeValue, isInRange, type NumberRange } from "./check_options.ts";

/**
 * The first problem of a value.
 *
 * @category Writing a callback
 */
export interface FieldProblem {
  /** Path of the field: `"run.loader.taken"`. */
  readonly path: string;
  /** Requirement of the field: `"must be an integer >= 0"`. */
  readonly required: string;
  /** Description of its value. */
  readonly actual: string;
}

/**
 * Checks a value, and returns its first problem; `undefined` if the value is right.
 *
 * @category Writing a callback
 */
export type FieldCheck = (value: unknown, path: string) => FieldProblem | undefined;

/** Makes a check of a question. */
export function that(required: string, isRight: (value: unknown) => boolean): FieldCheck {
  return (value, path) =>
    isRight(value) ? undefined : { path, required, actual: describeValue(value) };
}

/** Accepts every value. */
export const anything: FieldCheck = () => undefined;

/** Accepts texts. */
export const text: FieldCheck = that("must be a text", (value) => typeof value === "string");

/** Accepts `true` and `false`. */
export const flag: FieldCheck = that("must be true or false", (value) => value === !!value);

/** Accepts numbers, also NaN and infinities. */
export const measurement: FieldCheck = that(
  "must be a number",
  (value) => typeof value === "number",
);

/** Accepts numbers in a range. */
export function number(range: NumberRange = {}): FieldCheck {
  return that(`must be ${describeRange(range)}`, (value) => isInRange(value, range));
}

/** Accepts integers in a range. */
export function integer(range: NumberRange = {}): FieldCheck {
  return number({ ...range, integer: true });
}

/** Accepts some values. */
export function oneOf(values: readonly unknown[]): FieldCheck {
  return that(`must be one of ${values.join(", ")}`, (value) => values.includes(value));
}

/** Accepts `undefined`, and values that another check accepts. */
export function optional(check: FieldCheck): FieldCheck {
  return (value, path) => value === undefined ? undefined : check(value, path);
}

/** Accepts `null`, and values that another check accepts. */
export function nullable(check: FieldCheck): FieldCheck {
  return (value, path) => value === null ? undefined : check(value, path);
}

/** Accepts arrays of values that another check accepts. */
export function list(check: FieldCheck): FieldCheck {
  return (value, path) => {
    if (!Array.isArray(value)) return wrong(value, path, "must be an array");
    return first(value.entries(), ([index, item]) => check(item, `${path}[${index}]`));
  };
}

/** Accepts arrays of a fixed length, each element of which has a check of its own. */
export function tuple(...checks: readonly FieldCheck[]): FieldCheck {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== checks.length) {
      return wrong(value, path, `must be an array of length ${checks.length}`);
    }
    return first(checks.entries(), ([index, check]) => check(value[index], `${path}[${index}]`));
  };
}

/** Accepts objects whose fields have checks of their own; other fields are ignored. */
export function record(checks: Readonly<Record<string, FieldCheck>>): FieldCheck {
  return (value, path) =>
    wrongObject(value, path) ?? first(
      Object.entries(checks),
      ([name, check]) => check(ownField(value, name), `${path}.${name}`),
    );
}

/** Accepts objects with any fields, all of which another check accepts. */
export function recordOf(check: FieldCheck): FieldCheck {
  return (value, path) =>
    wrongObject(value, path) ?? first(
      Object.entries(value as object),
      ([name, inner]) => check(inner, `${path}.${name}`),
    );
}

/** Accepts maps, all keys and values of which other checks accept. */
export function mapOf(key: FieldCheck, check: FieldCheck): FieldCheck {
  return (value, path) => {
    if (!(value instanceof Map)) return wrong(value, path, "must be a map");
    return first(value, ([name, inner]) => key(name, path) ?? check(inner, `${path}.${name}`));
  };
}

/** Accepts values that several checks accept. */
export function all(...checks: readonly FieldCheck[]): FieldCheck {
  return (value, path) => first(checks, (check) => check(value, path));
}

function first<T>(
  items: Iterable<T>,
  check: (item: T) => FieldProblem | undefined,
): FieldProblem | undefined {
  for (const item of items) {
    const problem = check(item);
    if (problem) return problem;
  }
}

function wrongObject(value: unknown, path: string): FieldProblem | undefined {
  const isObject = typeof value === "object" && value !== null;
  const prototype = isObject && Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  return isPlain ? undefined : wrong(value, path, "must be an object");
}

function wrong(value: unknown, path: string, required: string): FieldProblem {
  return { path, required, actual: describeValue(value) };
}

/** Ignores what an object inherits: `toString` is not a field of a file. */
function ownField(value: unknown, name: string): unknown {
  return Object.hasOwn(value as object, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
