import { cosine } from "./cosine.ts";
import { checkNumber, type Schedule } from "./schedule.ts";
import { sequence } from "./sequence.ts";

/** A rate and a momentum that belong together. */
export interface RateAndMomentum {
  /** Per step. */
  readonly learningRate: Schedule;
  /** In [0, 1). */
  readonly momentum: Schedule;
}

/** Options of {@linkcode oneCycle}. */
export interface OneCycleOptions {
  /** How much of the training the way up takes, in (0, 1). Default: 0.25. */
  part?: number;
  /** The rate begins at the highest divided by this, >= 1. Default: 25. */
  divide?: number;
  /** The rate ends at the highest divided by this, >= 1. Default: 1e5. */
  finalDivide?: number;
  /** Momentum at both ends, and where the rate is highest; in [0, 1). Default: `[0.95, 0.85]`. */
  momentum?: readonly [high: number, low: number];
}

/**
 * One cycle: the rate goes up and then down far below where it began; the momentum mirrors it.
 *
 * Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
 * Rates", 2018, https://arxiv.org/abs/1708.07120. There both ways are straight lines; here they are
 * halves of a cosine, as has become usual.
 *
 * @param highest The highest rate, finite and > 0: what a learning rate finder suggests.
 * @param options The shape.
 * @returns What `LearningRateSchedule` takes.
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
 */
export function oneCycle(highest: number, options: OneCycleOptions = {}): RateAndMomentum {
  const { part = 0.25, divide = 25, finalDivide = 1e5, momentum = [0.95, 0.85] } = options;
  const name = "oneCycle";
  checkNumber(
    name,
    "the highest rate",
    "finite and > 0",
    highest > 0 && highest < Infinity,
    highest,
  );
  checkNumber(name, "part", "in (0, 1)", part > 0 && part < 1, part);
  checkNumber(name, "divide", ">= 1", divide >= 1, divide);
  checkNumber(name, "finalDivide", ">= 1", finalDivide >= 1, finalDivide);
  checkNumber(name, "momentum", "in [0, 1)", momentum.every((m) => m >= 0 && m < 1), momentum);
  const [high, low] = momentum;
  const upAndDown = (begin: number, middle: number, end: number) =>
    sequence([[part, cosine(begin, middle)], [1 - part, cosine(middle, end)]]);
  return {
    learningRate: upAndDown(highest / divide, highest, highest / finalDivide),
    momentum: upAndDown(high, low, high),
  };
}
