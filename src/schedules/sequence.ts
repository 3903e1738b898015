import { checkNumber, type Schedule } from "./schedule.ts";

/**
 * One schedule after another, each over its own part of the training.
 *
 * @param parts Pairs of a part of the training, > 0, and what goes on in it; the parts sum to 1.
 * @throws {RangeError} If a part is out of range, or they do not sum to 1.
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
 */
export function sequence(
  parts: readonly (readonly [part: number, schedule: Schedule])[],
): Schedule {
  const total = parts.reduce((sum, [part]) => sum + part, 0);
  const listed = parts.map(([part]) => part).join(", ");
  checkNumber("sequence", "each part", "> 0", parts.every(([part]) => part > 0), listed);
  checkNumber("sequence", "the sum of its parts", "1", Math.abs(total - 1) < 1e-9, total);
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
