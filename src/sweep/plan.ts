import { keyedRandom } from "../random/keyed_random.ts";
import { mixKey } from "../random/mix_key.ts";
import { type Bracket, hyperbandBrackets, singleBracket } from "./brackets.ts";
import type { AnyParameters, Space } from "./dimension.ts";
import type { Plan } from "./ledger.ts";
import type { WholeOptions } from "./sweep_options.ts";

/** How many trials a random search has by default. */
const TRIALS = 20;

/** All that is going to be tried: it depends on nothing but the options. */
export function planOf(options: WholeOptions, mode: "min" | "max"): Plan {
  const { space, algorithm, epochs, factor, points, trials, seed } = options;
  const all = algorithm === "grid" ? gridOf(space, points).slice(0, trials) : undefined;
  const brackets: Bracket[] = algorithm === "hyperband"
    ? hyperbandBrackets({ epochs, factor, trials })
    : singleBracket(all?.length ?? trials ?? TRIALS, epochs);
  const size = brackets.reduce((sum, { trials }) => sum + trials, 0);
  const numbers = Array.from({ length: size }, (_, number) => number);
  return {
    brackets,
    mode,
    parameters: all ?? numbers.map((number) => draw(space, keyedRandom(seed, number))),
    seeds: numbers.map((number) => mixKey(seed, number)),
  };
}

/** A trial's parameters depend on seed and number only: more trials change none. */
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
