import { closest } from "../deps/levenshtein.ts";
import { describeValue } from "./describe_value.ts";

/**
 * Checks that options are an object, and that each of them is known, because a misspelt option would
 * be ignored.
 *
 * @param action Completes "Cannot …".
 * @param options The options.
 * @param known An entry for each option; the compiler reports missing ones.
 * @throws {TypeError} If `options` is not an object, or an option is unknown.
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
  const names = Object.keys(known);
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot ${action} as each option must be one of ${names.join(", ")}: ` +
        `there is no "${name}", did you mean "${closest(name, names)}"?`,
    );
  }
}
