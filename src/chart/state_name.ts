/** The value of a state machine without regions as one name: `"train.epoch.batch.compute"`. */
export function stateName(value: unknown): string {
  if (typeof value === "string") return value;
  const [[name, inner]] = Object.entries(value as object);
  return `${name}.${stateName(inner)}`;
}
