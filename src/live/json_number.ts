/** The number as JSON can hold it: `null` for NaN, infinities and a missing number. */
export function jsonNumber(value: number | undefined): number | null {
  return Number.isFinite(value) ? value as number : null;
}

/** A record of numbers as JSON can hold it. */
export function jsonNumbers(values: Record<string, number>): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, jsonNumber(value)]),
  );
}
