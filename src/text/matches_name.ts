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
