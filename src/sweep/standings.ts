import type { Bracket } from "./brackets.ts";

/** Whether a trial continues from its rung: certainly, certainly not, or not known yet. */
export type Standing = "promoted" | "rejected" | "open";

/** The value of a trial at a rung: `undefined` if it may still come, `null` if it will not. */
export type ValueAtRung = (trial: number, rung: number) => number | null | undefined;

/**
 * Successive halving with incomplete results: a trial is promoted or rejected as soon as no missing
 * value can change that. So the outcome does not depend on the order in which trials run.
 *
 * @param bracket The trials to compare.
 * @param valueAt The values so far; NaN is the worst.
 * @param mode Whether smaller or larger values are better. Of equal trials, the first wins.
 * @returns For each trial its standing on the highest rung that it has reached.
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
