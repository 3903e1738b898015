import { checkOptions } from "../checks/check_options.ts";
import { polynomial } from "./polynomial.ts";
import type { Schedule } from "./schedule.ts";

/**
 * Up along a straight line, for a part of a {@linkcode sequence}. {@linkcode warmup} is shorter
 * where another schedule follows.
 *
 * @param to Value at the end, finite and >= 0.
 * @param options The start.
 * @param options.from Value at the start, finite and >= 0. Default: 0.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(schedules.linearWarmup(0.4)(0.25), 0.1);
 * ```
 *
 * @category Schedules
 */
export function linearWarmup(to: number, options: { from?: number } = {}): Schedule {
  checkOptions("make the schedule linearWarmup", options, { from: true });
  return polynomial(options.from ?? 0, to);
}
