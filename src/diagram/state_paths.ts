/**
 * The active states of a snapshot's value, outermost first, each under the name of its path.
 *
 * @param value Of an XState snapshot: `{ train: { epoch: "next" } }`.
 * @param root The id of the machine.
 * @returns `["learner.train", "learner.train.epoch", "learner.train.epoch.next"]`.
 */
export function statePaths(value: unknown, root: string): string[] {
  if (typeof value === "string") return [`${root}.${value}`];
  return Object.entries(value as Record<string, unknown>).flatMap(([name, inner]) => {
    const path = `${root}.${name}`;
    return [path, ...statePaths(inner, path)];
  });
}
