import { checkNumber, type Schedule } from "./schedule.ts";

/**
 * From one value to another by the same factor in every step.
 *
 * @param from At the start, finite and > 0.
 * @param to At the end, finite and > 0.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(schedules.exponential(1, 0.01)(0.5), 0.1, 1e-12);
 * ```
 */
export function exponential(from: number, to: number): Schedule {
  for (const [name, value] of Object.entries({ from, to })) {
    checkNumber("exponential", name, "finite and > 0", value > 0 && value < Infinity, value);
  }
  return function exponential(progress) {
    return from * (to / from) ** progress;
  };
}
