import { checkValues, type Schedule } from "./schedule.ts";

/**
 * From one value to another along half a cosine wave: slowly at first, then fast, then slowly.
 *
 * Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
 * https://arxiv.org/abs/1608.03983, without the restarts.
 *
 * @param from Value at the start, finite and >= 0.
 * @param to Value at the end, finite and >= 0. Default: 0.
 * @returns The schedule.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(schedules.cosine(1)(0.5), 0.5, 1e-12);
 * ```
 *
 * @category Schedules
 */
export function cosine(from: number, to: number = 0): Schedule {
  checkValues("cosine", { from, to });
  return function cosine(progress) {
    return to + (from - to) * (1 + Math.cos(Math.PI * progress)) / 2;
  };
}
