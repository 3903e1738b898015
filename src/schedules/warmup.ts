import { linearWarmup } from "./linear_warmup.ts";
import type { Schedule } from "./schedule.ts";
import { sequence } from "./sequence.ts";

/**
 * Up along a straight line to where a schedule begins, then the schedule over what is left.
 *
 * Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
 * https://arxiv.org/abs/1706.02677.
 *
 * @param schedule What follows.
 * @param options The line.
 * @param options.part How much of the training it takes, in (0, 1). Default: 0.1.
 * @param options.from Where it begins, finite and >= 0. Default: 0.
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
 */
export function warmup(
  schedule: Schedule,
  { part = 0.1, from = 0 }: { part?: number; from?: number } = {},
): Schedule {
  return sequence([[part, linearWarmup(schedule(0), { from })], [1 - part, schedule]]);
}
