/**
 * Schedules: numbers that change during training, as pure functions of the progress in [0, 1).
 *
 * A schedule goes into the `LearningRateSchedule` callback. Schedules compose: {@linkcode warmup}
 * and {@linkcode sequence} take others. {@linkcode oneCycle} also sets the momentum. `callbacks`
 * exports all of them as `schedules`, too.
 *
 * @example Warm up, then fall along a cosine
 * ```ts
 * import { LearningRateSchedule } from "@trainchart/trainchart";
 * import { cosine, warmup } from "@trainchart/trainchart/schedules";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = warmup(cosine(1e-3), { part: 0.05 });
 * assertEquals(schedule(0.05), 1e-3);
 * const callback = new LearningRateSchedule(schedule);
 * ```
 *
 * @module
 */
export { constant } from "./src/schedules/constant.ts";
export {
  cosine,
  cosineRestarts,
  type CosineRestartsOptions,
  oneCycle,
  type OneCycleOptions,
  type RateAndMomentum,
  type Schedule,
  sequence,
} from "./src/schedules/schedule.ts";
export { exponential } from "./src/schedules/exponential.ts";
export { linearWarmup } from "./src/schedules/linear_warmup.ts";
export { polynomial } from "./src/schedules/polynomial.ts";
export { step } from "./src/schedules/step.ts";
export { warmup } from "./src/schedules/warmup.ts";
