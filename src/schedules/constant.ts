import { checkValues, type Schedule } from "./schedule.ts";

/**
 * The same value at all times, for a part of a {@linkcode sequence}.
 *
 * @param value The value, finite and >= 0.
 * @returns The schedule.
 * @throws {RangeError} If the value is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(schedules.constant(0.1)(0.7), 0.1);
 * ```
 *
 * @category Schedules
 */
export function constant(value: number): Schedule {
  checkValues("constant", { value });
  return function constant() {
    return value;
  };
}
