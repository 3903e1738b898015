import { checkNumber, checkValues, type Schedule } from "./schedule.ts";

/**
 * From one value to another along a power of what is left.
 *
 * @param from At the start, finite and >= 0.
 * @param to At the end, finite and >= 0.
 * @param options How it bends.
 * @param options.power > 0: above 1 fast at first, below 1 fast at last. Default: 1, a straight line.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(schedules.polynomial(1, 0, { power: 2 })(0.5), 0.25);
 * ```
 */
export function polynomial(
  from: number,
  to: number,
  { power = 1 }: { power?: number } = {},
): Schedule {
  checkValues("polynomial", { from, to });
  checkNumber("polynomial", "power", "finite and > 0", power > 0 && power < Infinity, power);
  return function polynomial(progress) {
    return from + (to - from) * (1 - (1 - progress) ** power);
  };
}
