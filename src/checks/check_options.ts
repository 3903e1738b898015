import { closest } from "../deps/levenshtein.ts";
import { describeValue } from "./describe_value.ts";

/**
 * Checks that options are an object, and that each of them is known: a misspelt option would be
 * ignored.
 *
 * @param action Completes "Cannot …".
 * @param options The options that were given.
 * @param known An entry for each option; the compiler makes sure that none is forgotten.
 * @throws {TypeError} If the options are no object, or one of them is unknown.
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
