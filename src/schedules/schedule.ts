/**
 * Schedules: their type, several one after another, and those made of halves of a cosine wave.
 *
 * @module
 */
import { checkNumber, checkOptions } from "../checks/check_options.ts";

/**
 * A number that changes during training. It depends only on the progress, so that a resumed run
 * continues it without a state.
 *
 * @param progress The part of the training that is done, in [0, 1).
 * @returns The value from here on, such as a learning rate per step.
 * @category Schedules
 */
export type Schedule = (progress: number) => number;

/**
 * Checks values of a schedule: finite and >= 0.
 *
 * @throws {RangeError} If a value is out of range.
 */
export function checkValues(schedule: string, values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    checkNumber(`make the schedule ${schedule}`, name, value, { min: 0 });
  }
}

/**
 * Several schedules one after another, each over its own part of the training.
 *
 * @param parts Pairs of a part of the training, > 0, and its schedule; the parts sum to 1.
 * @returns The schedule.
 * @throws {RangeError} If a part is out of range, or the parts do not sum to 1.
 *
 * @example
 * ```ts
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = schedules.sequence([
 *   [0.25, schedules.linearWarmup(0.8)],
 *   [0.75, schedules.constant(0.8)],
 * ]);
 * assertEquals([0.125, 0.25, 0.9].map(schedule), [0.4, 0.8, 0.8]);
 * ```
 *
 * @category Schedules
 */
export function sequence(
  parts: readonly (readonly [part: number, schedule: Schedule])[],
): Schedule {
  for (const [part] of parts) {
    checkNumber("make the schedule sequence", "each part", part, { above: 0 });
  }
  const total = parts.reduce((sum, [part]) => sum + part, 0);
  if (Math.abs(total - 1) > 1e-9) {
    throw new RangeError(
      `Cannot make the schedule sequence as its parts must sum to 1: current value is ${total}`,
    );
  }
  return function sequence(progress) {
    let begin = 0;
    for (const [index, [part, schedule]] of parts.entries()) {
      if (progress < begin + part || index === parts.length - 1) {
        return schedule((progress - begin) / part);
      }
      begin += part;
    }
    return NaN;
  };
}

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
