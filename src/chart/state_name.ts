/** Joins the value of a state machine without regions into one name: `"train.epoch.batch"`. */
export function stateName(value: unknown): string {
  if (typeof value === "string") return value;
  const [[name, inner]] = Object.entries(value as object);
  return `${name}.${stateName(inner)}`;
}
