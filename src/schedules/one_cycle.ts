import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { cosine } from "./cosine.ts";
import type { Schedule } from "./schedule.ts";
import { sequence } from "./sequence.ts";

/**
 * Schedules of a learning rate and of the momentum that belongs to it.
 *
 * @category Schedules
 */
export interface RateAndMomentum {
  /** The learning rate, per step. */
  readonly learningRate: Schedule;
  /** The momentum, in [0, 1). */
  readonly momentum: Schedule;
}

/**
 * Options of {@linkcode oneCycle}.
 *
 * @category Schedules
 */
export interface OneCycleOptions {
  /** Part of the training in which the rate rises, in (0, 1). Default: 0.25. */
  part?: number;
  /** The highest rate divided by the first, >= 1. Default: 25. */
  divide?: number;
  /** The highest rate divided by the last, >= 1. Default: 1e5. */
  finalDivide?: number;
  /** Momentum at both ends, and where the rate is highest, in [0, 1). Default: `[0.95, 0.85]`. */
  momentum?: readonly [high: number, low: number];
}

/**
 * One cycle: the rate rises, then falls far below its start; the momentum does the opposite.
 *
 * Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
 * Rates", 2018, https://arxiv.org/abs/1708.07120. The paper has straight lines; here they are halves
 * of a cosine wave, as has become usual.
 *
 * @param highest The highest rate, finite and > 0, such as a learning rate finder suggests.
 * @param options The shape.
 * @returns Two schedules, for `LearningRateSchedule`.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { learningRate, momentum } = schedules.oneCycle(1);
 * assertAlmostEquals(learningRate(0), 0.04, 1e-12);
 * assertAlmostEquals(learningRate(0.25), 1, 1e-12);
 * assertAlmostEquals(momentum(0.25), 0.85, 1e-12);
 * ```
 *
 * @category Schedules
 */
export function oneCycle(highest: number, options: OneCycleOptions = {}): RateAndMomentum {
  const action = "make the schedule oneCycle";
  checkOptions(action, options, { part: true, divide: true, finalDivide: true, momentum: true });
  const { part = 0.25, divide = 25, finalDivide = 1e5, momentum: [high, low] = [0.95, 0.85] } =
    options;
  checkNumber(action, "the highest rate", highest, { above: 0 });
  checkNumber(action, "part", part, { above: 0, below: 1 });
  checkNumber(action, "divide", divide, { min: 1 });
  checkNumber(action, "finalDivide", finalDivide, { min: 1 });
  for (const momentum of [high, low]) {
    checkNumber(action, "momentum", momentum, { min: 0, below: 1 });
  }
  const upAndDown = (begin: number, middle: number, end: number) =>
    sequence([[part, cosine(begin, middle)], [1 - part, cosine(middle, end)]]);
  return {
    learningRate: upAndDown(highest / divide, highest, highest / finalDivide),
    momentum: upAndDown(high, low, high),
  };
}
