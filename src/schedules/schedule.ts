import { checkNumber } from "../checks/check_number.ts";

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
