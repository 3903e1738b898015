/**
 * Schedules made of halves of a cosine wave.
 *
 * @module
 */
import { checkValues, type Schedule, sequence } from "./schedule.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";

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

/**
 * Options of {@linkcode cosineRestarts}.
 *
 * @category Schedules
 */
export interface CosineRestartsOptions {
  /** Number of cycles, an integer >= 1. Default: 3. */
  cycles?: number;
  /** Length of each cycle divided by that of the one before, > 0. Default: 2. */
  growth?: number;
  /** Start of each cycle divided by that of the one before, in (0, 1]. Default: 1. */
  decay?: number;
}

/**
 * Several cycles, each down along half a cosine wave.
 *
 * Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
 * https://arxiv.org/abs/1608.03983. There cycles are counted in epochs; here they share the
 * training: with 3 cycles and growth 2 they take 1/7, 2/7 and 4/7 of it.
 *
 * @param from Value at the start of the first cycle, finite and >= 0.
 * @param to Value at the end of each cycle, finite and >= 0. Default: 0.
 * @param options The cycles.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = schedules.cosineRestarts(1, 0, { cycles: 2, growth: 1, decay: 0.5 });
 * assertEquals([0, 0.5].map(schedule), [1, 0.5]);
 * ```
 *
 * @category Schedules
 */
export function cosineRestarts(
  from: number,
  to: number = 0,
  options: CosineRestartsOptions = {},
): Schedule {
  const action = "make the schedule cosineRestarts";
  checkOptions(action, options, { cycles: true, growth: true, decay: true });
  const { cycles = 3, growth = 2, decay = 1 } = options;
  checkValues("cosineRestarts", { from, to });
  checkNumber(action, "cycles", cycles, { integer: true, min: 1 });
  checkNumber(action, "growth", growth, { above: 0 });
  checkNumber(action, "decay", decay, { above: 0, max: 1 });
  const lengths = Array.from({ length: cycles }, (_, cycle) => growth ** cycle);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return sequence(lengths.map((length, cycle) => [
    length / total,
    cosine(to + (from - to) * decay ** cycle, to),
  ]));
}

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
