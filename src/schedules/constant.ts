import { checkValues, type Schedule } from "./schedule.ts";

/**
 * Always the same, for the parts of a {@linkcode sequence}.
 *
 * @param value Finite and >= 0.
 * @throws {RangeError} If the value is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(schedules.constant(0.1)(0.7), 0.1);
 * ```
 */
export function constant(value: number): Schedule {
  checkValues("constant", { value });
  return function constant() {
    return value;
  };
}
