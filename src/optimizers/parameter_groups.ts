import { checkNumber, checkOptions, closest, describeValue } from "../checks/check_options.ts";

/**
 * Variables with settings of their own, chosen by name.
 *
 * @category Optimizers
 */
export interface ParameterGroup {
  /**
   * The name of a layer or of a weight, as a whole, or a pattern that matches a part of such a name.
   * The first group that matches a variable applies to it.
   */
  match: RegExp | string;
  /** Multiplies the learning rate, >= 0. Default: 1. */
  learningRateFactor?: number;
  /** Replaces the optimizer's weight decay, >= 0. */
  weightDecay?: number;
}

/** The groups of an optimizer. */
export class ParameterGroups {
  /** The groups, as they were given. */
  readonly list: readonly ParameterGroup[];
  readonly #found = new Map<string, ParameterGroup | undefined>();
  #checked = false;

  /**
   * Checks the groups.
   *
   * @param action Completes "Cannot …".
   * @param groups The groups.
   * @throws {TypeError} If an option is unknown, or `match` is neither a text nor a pattern.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(action: string, groups: readonly ParameterGroup[]) {
    for (const group of groups) {
      checkOptions(action, group, { match: true, learningRateFactor: true, weightDecay: true });
      const { match, learningRateFactor = 1, weightDecay = 0 } = group;
      if (typeof match !== "string" && !(match instanceof RegExp)) {
        throw new TypeError(
          `Cannot ${action} as match must be a name or a pattern: current value is ${
            describeValue(match)
          }`,
        );
      }
      checkNumber(action, "learningRateFactor", learningRateFactor, { min: 0 });
      checkNumber(action, "weightDecay", weightDecay, { min: 0 });
    }
    this.list = groups;
  }

  /** The group of a variable; `undefined` if it has none. */
  of(variable: string): ParameterGroup | undefined {
    if (this.list.length === 0) return;
    if (!this.#found.has(variable)) {
      const names = namesOf(variable);
      this.#found.set(variable, this.list.find(({ match }) => matchesName(match, names)));
    }
    return this.#found.get(variable);
  }

  /**
   * Checks once that each group matches a variable.
   *
   * @param variables Returns the names of all variables.
   * @throws {RangeError} If a group matches none.
   */
  check(variables: () => readonly string[]): void {
    if (this.#checked || this.list.length === 0) return;
    const names = [...new Set(variables().flatMap(namesOf))];
    for (const { match } of this.list) {
      if (matchesName(match, names)) continue;
      const hint = typeof match === "string" && names.length > 0
        ? `, did you mean "${closest(match, names)}"?`
        : `; the names are ${names.slice(0, 20).join(", ")}`;
      throw new RangeError(
        `Cannot train as each group of the optimizer must match a layer or weight: ` +
          `there is no ${typeof match === "string" ? JSON.stringify(match) : match}${hint}`,
      );
    }
    this.#checked = true;
  }
}

/** The names of a variable and its layer: TensorFlow.js numbers a name that is taken already. */
function namesOf(variable: string): string[] {
  const parts = variable.split("/");
  const layers = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
  const own = parts.length > 1 ? variable.replace(/_\d+$/, "") : variable;
  return [...new Set([...layers, own, variable])];
}

/**
 * Whether a pattern matches one of the names of a thing.
 *
 * @param pattern A whole name, or an expression that matches a part of a name; its flags `g` and `y`
 *   do not matter.
 * @param names The names.
 * @returns Whether one of them matches.
 */
export function matchesName(pattern: string | RegExp, names: readonly string[]): boolean {
  if (typeof pattern === "string") return names.includes(pattern);
  // Unlike test(), search() does not start where the last match of a global expression ended.
  return names.some((name) => name.search(pattern) >= 0);
}
