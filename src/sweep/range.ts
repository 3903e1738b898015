import type { Dimension } from "./dimension.ts";

/** What makes an axis of numbers: a scale on which places are even, and what it is called. */
interface Scale {
  kind: string;
  low: number;
  high: number;
  /** From a number to the scale on which the draw is uniform. */
  into(value: number): number;
  /** And back. */
  back(value: number): number;
}

/** An axis of numbers between two bounds. */
export function range({ kind, low, high, into, back }: Scale): Dimension<number> {
  const [from, to] = [into(low), into(high)];
  const at = (place: number) => Math.min(high, Math.max(low, back(from + place * (to - from))));
  return {
    description: { kind, low, high },
    at,
    placeOf: (value) => (into(value) - from) / (to - from),
    grid: (points) =>
      Array.from({ length: points }, (_, index) => at(points === 1 ? 0.5 : index / (points - 1))),
  };
}

/** Refuses bounds that are none. */
export function checkBounds(kind: string, low: number, high: number, least = -Infinity): void {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high && low > least) return;
  const above = least === -Infinity ? "" : ` and > ${least}`;
  throw new RangeError(
    `Cannot search with ${kind}() as its bounds must be finite${above}, the lower one first: ` +
      `current value is [${low}, ${high}]`,
  );
}
