import { describeValue } from "../checks/describe_value.ts";

/**
 * A number that changes as training goes on: a pure function of progress, so that a resumed run
 * needs nothing to go on.
 *
 * @param progress The part of the training that is behind us, in [0, 1).
 * @returns The value from here on, such as a learning rate per step.
 */
export type Schedule = (progress: number) => number;

/** Checks a number that a schedule is made of. */
export function checkNumber(
  schedule: string,
  name: string,
  required: string,
  holds: boolean,
  value: unknown,
): void {
  if (holds) return;
  throw new RangeError(
    `Cannot make the schedule ${schedule} as ${name} must be ${required}: current value is ${value}`,
  );
}

/** Checks values of a schedule: finite and >= 0. */
export function checkValues(schedule: string, values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values)) {
    const holds = Number.isFinite(value) && value >= 0;
    checkNumber(schedule, name, "finite and >= 0", holds, describeValue(value));
  }
}
