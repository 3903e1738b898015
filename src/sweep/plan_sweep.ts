import { keyedRandom, mixKey } from "../random/random_numbers.ts";
import { type Bracket, hyperbandBrackets, singleBracket } from "./brackets.ts";
import type { AnyParameters, Space } from "./dimension.ts";
import type { SweepPlan } from "./ledger.ts";
import type { CompleteOptions } from "./sweep_options.ts";
import { treeParzen } from "./tree_parzen.ts";

/** Default number of trials of a random search and of TPE. */
const TRIALS = 20;

/** Plans the trials of a sweep. Only TPE draws parameters that depend on former trials. */
export function planSweep(options: CompleteOptions, mode: "min" | "max"): SweepPlan {
  const { space, algorithm, epochs, factor, points, startup, trials, seed } = options;
  const all = algorithm === "grid" ? gridOf(space, points).slice(0, trials) : undefined;
  const brackets: Bracket[] = algorithm === "hyperband"
    ? hyperbandBrackets({ epochs, factor, trials })
    : singleBracket(all?.length ?? trials ?? TRIALS, epochs);
  const size = brackets.reduce((sum, { trials }) => sum + trials, 0);
  const numbers = Array.from({ length: size }, (_, number) => number);
  return {
    brackets,
    mode,
    adaptive: algorithm === "tpe",
    draw(trial, tried) {
      if (all) return all[trial];
      const random = keyedRandom(seed, trial);
      return algorithm === "tpe" && tried.length >= startup
        ? treeParzen(space, tried, mode, random)
        : draw(space, random);
    },
    seeds: numbers.map((number) => mixKey(seed, number)),
  };
}

/** Draws the parameters of a trial, which depend only on the seed and the number of the trial. */
function draw(space: Space, random: () => number): AnyParameters {
  return Object.fromEntries(
    Object.entries(space).map(([name, dimension]) => [name, dimension.at(random())]),
  );
}

function gridOf(space: Space, points: number): AnyParameters[] {
  return Object.entries(space).reduce<AnyParameters[]>(
    (all, [name, dimension]) =>
      all.flatMap((known) => dimension.grid(points).map((value) => ({ ...known, [name]: value }))),
    [{}],
  );
}
