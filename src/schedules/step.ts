import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { checkValues, type Schedule } from "./schedule.ts";

/**
 * Down, or up, by a factor at given moments.
 *
 * @param from Value at the start, finite and >= 0.
 * @param options The moments and the factor.
 * @param options.at The moments, as parts of the training in (0, 1). For epochs 30 and 60 of 90:
 *   `[30 / 90, 60 / 90]`.
 * @param options.factor Multiplies the value at each moment, finite and > 0. Default: 0.1.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown, or `at` is missing.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = schedules.step(1, { at: [1 / 3, 2 / 3], factor: 0.5 });
 * assertEquals([0, 0.5, 0.9].map(schedule), [1, 0.5, 0.25]);
 * ```
 *
 * @category Schedules
 */
export function step(
  from: number,
  options: { at: readonly number[]; factor?: number },
): Schedule {
  const action = "make the schedule step";
  checkOptions(action, options, { at: true, factor: true });
  const { at, factor = 0.1 } = options;
  checkValues("step", { from });
  checkNumber(action, "factor", factor, { above: 0 });
  if (!Array.isArray(at)) {
    throw new TypeError(
      `Cannot ${action} as at must be an array: current value is ${describeValue(at)}`,
    );
  }
  for (const moment of at) checkNumber(action, "each moment", moment, { above: 0, below: 1 });
  return function step(progress) {
    return from * factor ** at.filter((moment) => progress >= moment).length;
  };
}
