/**
 * Numbers that change as training goes on, as pure functions of progress in [0, 1).
 *
 * @example
 * ```ts
 * import { LearningRateSchedule } from "@trainchart/trainchart";
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = schedules.warmup(schedules.cosine(1e-3), { part: 0.05 });
 * assertEquals(schedule(0.05), 1e-3);
 * const callback = new LearningRateSchedule(schedule);
 * ```
 *
 * @module
 */
export { constant } from "./constant.ts";
export { cosine } from "./cosine.ts";
export { cosineRestarts, type CosineRestartsOptions } from "./cosine_restarts.ts";
export { exponential } from "./exponential.ts";
export { linearWarmup } from "./linear_warmup.ts";
export { oneCycle, type OneCycleOptions, type RateAndMomentum } from "./one_cycle.ts";
export { polynomial } from "./polynomial.ts";
export type { Schedule } from "./schedule.ts";
export { sequence } from "./sequence.ts";
export { step } from "./step.ts";
export { warmup } from "./warmup.ts";
