import type { Bracket } from "./brackets.ts";

/** Whether a trial goes on from the rung on which it is. */
export type Standing = "promoted" | "rejected" | "open";

/** What is known of a trial: the value at a rung, `undefined` so far, `null` if never. */
export type ValueAtRung = (trial: number, rung: number) => number | null | undefined;

/**
 * Successive halving, as far as it can be told by now: a trial is promoted or rejected as soon as
 * no value that is still missing can change that, so the order in which trials run changes nothing.
 *
 * @param bracket Whose trials are compared.
 * @param valueAt What is known; NaN is the worst.
 * @param mode Whether less or more is better. Of equals, the trial with the smaller number wins.
 * @returns By trial, its standing on the highest rung that it has reached.
 */
export function standings(
  { first, trials, keep }: Bracket,
  valueAt: ValueAtRung,
  mode: "min" | "max",
): Map<number, Standing> {
  const result = new Map<number, Standing>();
  let alive = Array.from({ length: trials }, (_, index) => first + index);
  let sure = new Set(alive);
  for (let rung = 0; rung < keep.length; rung++) {
    const known = alive.flatMap((trial) => {
      const value = valueAt(trial, rung);
      return typeof value === "number" ? [{ trial, rank: rankOf(value, mode) }] : [];
    }).sort((a, b) => a.rank - b.rank || a.trial - b.trial);
    const waiting = alive.filter((trial) => valueAt(trial, rung) === undefined);
    let surelyBetter = 0;
    known.forEach(({ trial }, better) => {
      const promoted = better + waiting.length < keep[rung] && sure.has(trial);
      result.set(
        trial,
        surelyBetter >= keep[rung] ? "rejected" : promoted ? "promoted" : "open",
      );
      if (sure.has(trial)) surelyBetter++;
    });
    const passing = known.map(({ trial }) => trial)
      .filter((trial) => result.get(trial) !== "rejected");
    sure = new Set(passing.filter((trial) => result.get(trial) === "promoted"));
    alive = [...passing, ...waiting];
  }
  return result;
}

function rankOf(value: number, mode: "min" | "max"): number {
  if (Number.isNaN(value)) return Infinity;
  return mode === "min" ? value : -value;
}
