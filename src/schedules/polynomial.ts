import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { checkValues, type Schedule } from "./schedule.ts";

/**
 * From one value to another along a power of the remaining part of the training.
 *
 * @param from Value at the start, finite and >= 0.
 * @param to Value at the end, finite and >= 0.
 * @param options The curve.
 * @param options.power The power, > 0: above 1 fast at first, below 1 fast at the end. Default: 1.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(schedules.polynomial(1, 0, { power: 2 })(0.5), 0.25);
 * ```
 *
 * @category Schedules
 */
export function polynomial(
  from: number,
  to: number,
  options: { power?: number } = {},
): Schedule {
  const action = "make the schedule polynomial";
  checkOptions(action, options, { power: true });
  const { power = 1 } = options;
  checkValues("polynomial", { from, to });
  checkNumber(action, "power", power, { above: 0 });
  return function polynomial(progress) {
    return from + (to - from) * (1 - (1 - progress) ** power);
  };
}
