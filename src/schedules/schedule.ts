/**
 * Schedules, and their composition.
 *
 * @module
 */
import { checkNumber } from "../checks/check_options.ts";

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
