import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { linearWarmup } from "./linear_warmup.ts";
import { type Schedule, sequence } from "./schedule.ts";

/**
 * Up along a straight line to the start of a schedule, then the schedule over the remaining part.
 *
 * Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
 * https://arxiv.org/abs/1706.02677.
 *
 * @param schedule The schedule after the line.
 * @param options The line.
 * @param options.part Part of the training that the line takes, in (0, 1). Default: 0.1.
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
 * const schedule = schedules.warmup(schedules.polynomial(1, 0), { part: 0.5 });
 * assertEquals([0, 0.25, 0.5, 0.75].map(schedule), [0, 0.5, 1, 0.5]);
 * ```
 *
 * @category Schedules
 */
export function warmup(
  schedule: Schedule,
  options: { part?: number; from?: number } = {},
): Schedule {
  const action = "make the schedule warmup";
  checkOptions(action, options, { part: true, from: true });
  const { part = 0.1, from = 0 } = options;
  checkNumber(action, "part", part, { above: 0, below: 1 });
  return sequence([[part, linearWarmup(schedule(0), { from })], [1 - part, schedule]]);
}
