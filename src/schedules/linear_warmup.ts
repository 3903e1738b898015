import { polynomial } from "./polynomial.ts";
import type { Schedule } from "./schedule.ts";

/**
 * Up along a straight line, for the parts of a {@linkcode sequence}. To warm up into another
 * schedule, {@linkcode warmup} is shorter.
 *
 * @param to At the end, finite and >= 0.
 * @param options Where it begins.
 * @param options.from At the start, finite and >= 0. Default: 0.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(schedules.linearWarmup(0.4)(0.25), 0.1);
 * ```
 */
export function linearWarmup(to: number, { from = 0 }: { from?: number } = {}): Schedule {
  return polynomial(from, to);
}
