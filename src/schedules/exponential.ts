import { checkNumber } from "../checks/check_options.ts";
import type { Schedule } from "./schedule.ts";

/**
 * From one value to another by the same factor in every step.
 *
 * @param from Value at the start, finite and > 0.
 * @param to Value at the end, finite and > 0.
 * @returns The schedule.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(schedules.exponential(1, 0.01)(0.5), 0.1, 1e-12);
 * ```
 *
 * @category Schedules
 */
export function exponential(from: number, to: number): Schedule {
  for (const [name, value] of Object.entries({ from, to })) {
    checkNumber("make the schedule exponential", name, value, { above: 0 });
  }
  return function exponential(progress) {
    return from * (to / from) ** progress;
  };
}
