/**
 * Lists the paths of the active states of a snapshot, outermost first.
 *
 * @param value Value of an XState snapshot: `{ train: { epoch: "next" } }`.
 * @param root Id of the machine.
 * @returns `["learner.train", "learner.train.epoch", "learner.train.epoch.next"]`.
 */
export function statePaths(value: unknown, root: string): string[] {
  if (typeof value === "string") return [`${root}.${value}`];
  return Object.entries(value as Record<string, unknown>).flatMap(([name, inner]) => {
    const path = `${root}.${name}`;
    return [path, ...statePaths(inner, path)];
  });
}
