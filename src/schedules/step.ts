import { checkNumber, checkValues, type Schedule } from "./schedule.ts";

/**
 * Down, or up, by a factor at given moments.
 *
 * @param from At the start, finite and >= 0.
 * @param options When, and how far.
 * @param options.at The moments, parts of the training in (0, 1). For epochs 30 and 60 of 90:
 *   `[30 / 90, 60 / 90]`.
 * @param options.factor Multiplies the value at each, finite and > 0. Default: 0.1.
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
 */
export function step(
  from: number,
  { at, factor = 0.1 }: { at: readonly number[]; factor?: number },
): Schedule {
  checkValues("step", { from });
  checkNumber("step", "factor", "finite and > 0", factor > 0 && factor < Infinity, factor);
  checkNumber("step", "at", "a list of parts in (0, 1)", at.every((p) => p > 0 && p < 1), at);
  return function step(progress) {
    return from * factor ** at.filter((moment) => progress >= moment).length;
  };
}
