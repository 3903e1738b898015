import { cosine } from "./cosine.ts";
import { checkNumber, type Schedule } from "./schedule.ts";
import { sequence } from "./sequence.ts";

/** Options of {@linkcode cosineRestarts}. */
export interface CosineRestartsOptions {
  /** How many times it goes down, an integer >= 1. Default: 3. */
  cycles?: number;
  /** How much longer each cycle is than the one before, > 0. Default: 2. */
  growth?: number;
  /** How much lower each cycle begins than the one before, in (0, 1]. Default: 1, as high. */
  decay?: number;
}

/**
 * Down along half a cosine, again and again.
 *
 * Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
 * https://arxiv.org/abs/1608.03983. There cycles are counted in epochs; here they share the
 * training: with 3 cycles and growth 2 they take 1/7, 2/7 and 4/7 of it.
 *
 * @param from At the start of the first cycle, finite and >= 0.
 * @param to At the end of each, finite and >= 0. Default: 0.
 * @param options The cycles.
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
 */
export function cosineRestarts(
  from: number,
  to: number = 0,
  { cycles = 3, growth = 2, decay = 1 }: CosineRestartsOptions = {},
): Schedule {
  const name = "cosineRestarts";
  checkNumber(name, "cycles", "an integer >= 1", Number.isInteger(cycles) && cycles >= 1, cycles);
  checkNumber(name, "growth", "finite and > 0", growth > 0 && growth < Infinity, growth);
  checkNumber(name, "decay", "in (0, 1]", decay > 0 && decay <= 1, decay);
  const lengths = Array.from({ length: cycles }, (_, cycle) => growth ** cycle);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return sequence(lengths.map((length, cycle) => [
    length / total,
    cosine(to + (from - to) * decay ** cycle, to),
  ]));
}
