import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { cosine } from "./cosine.ts";
import { checkValues, type Schedule } from "./schedule.ts";
import { sequence } from "./sequence.ts";

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
