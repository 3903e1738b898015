import { describeValue } from "./describe_value.ts";

/**
 * Checks that options are an object, and that none of them is misspelt: it would be ignored.
 *
 * @param action Completes "Cannot …".
 * @param options What was given.
 * @param known The name of every option; the compiler sees to it that none is forgotten.
 * @throws {TypeError} If it is no object, or there is no such option.
 */
export function checkOptions<Options extends object>(
  action: string,
  options: Options,
  known: Record<keyof Options, unknown>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${action} as its options must be an object: current value is ${
        describeValue(options)
      }`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot ${action} as each option must be one of ${Object.keys(known).join(", ")}: ` +
        `there is no "${name}"`,
    );
  }
}
