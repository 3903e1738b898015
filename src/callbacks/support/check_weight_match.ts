import { describeValue } from "../../checks/check_options.ts";

/**
 * Weights, chosen by name: the name of a layer, of a model within the model or of a weight; a pattern
 * that matches a part of such a name; or a list of these.
 *
 * @category Callbacks
 */
export type WeightMatch = string | RegExp | readonly (string | RegExp)[];

/**
 * Checks a choice of weights.
 *
 * @returns The names and patterns, as a list.
 * @throws {TypeError} If it is something else.
 */
export function checkWeightMatch(
  action: string,
  name: string,
  match: WeightMatch,
): readonly (string | RegExp)[] {
  const patterns: readonly unknown[] = Array.isArray(match) ? match : [match];
  for (const pattern of patterns) {
    if (typeof pattern === "string" || pattern instanceof RegExp) continue;
    throw new TypeError(
      `Cannot ${action} as ${name} must be a name, a pattern or a list of these: ` +
        `current value is ${describeValue(pattern)}`,
    );
  }
  return patterns as (string | RegExp)[];
}
