import type { AnyParameters, Dimension, ParameterValue, Space } from "./dimension.ts";

/** Part of the trials that counts as good: γ in the paper, whose value this is. */
const GOOD = 0.15;
/** The largest number of good trials, so that the search stays narrow after many trials. */
const MOST_GOOD = 25;
/** Number of values that are drawn of each parameter, of which the most promising is taken. */
const CANDIDATES = 24;

/** A trial that has ended. */
export interface TriedTrial {
  /** The parameters of the trial. */
  readonly parameters: AnyParameters;
  /** The monitored value; NaN if the trial failed, which is the worst. */
  readonly value: number;
}

/**
 * Draws the parameters of a trial from what former trials have shown: a tree-structured Parzen
 * estimator. The trials are divided into a few good and many bad ones. For each parameter, values are
 * drawn from the distribution of the good trials, and the one is taken that is likeliest among the
 * good trials relative to the bad ones.
 *
 * J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for Hyper-Parameter Optimization", NIPS
 * 2011, section 4,
 * <https://papers.nips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html>. Spaces are
 * flat here, not trees, and at most 25 trials are good. A kernel is cut off at the ends of its
 * dimension. Logarithmic and integer dimensions are treated on their own scale.
 *
 * @param space The parameters, each with its dimension.
 * @param tried The trials that have ended.
 * @param mode Whether smaller or larger values are better.
 * @param random Draws in [0, 1).
 * @returns The parameters.
 */
export function treeParzen(
  space: Space,
  tried: readonly TriedTrial[],
  mode: "min" | "max",
  random: () => number,
): AnyParameters {
  const worst = (value: number) => Number.isNaN(value) ? Infinity : mode === "min" ? value : -value;
  const sorted = tried.toSorted((a, b) => {
    const [left, right] = [worst(a.value), worst(b.value)];
    return left === right ? 0 : left - right;
  });
  const count = Math.min(MOST_GOOD, Math.ceil(GOOD * sorted.length));
  const [good, bad] = [sorted.slice(0, count), sorted.slice(count)];
  return Object.fromEntries(
    Object.entries(space).map(([name, dimension]) => {
      const valuesOf = (trials: TriedTrial[]) => trials.map(({ parameters }) => parameters[name]);
      const fit = dimension.description.kind === "choice" ? fitChoice : fitNumber;
      const [better, worse] = [good, bad].map((trials) => fit(dimension, valuesOf(trials)));
      return [name, mostPromising(better, worse, random)];
    }),
  );
}

/** The distribution of a parameter among some trials. */
interface Distribution {
  /** Draws a value. */
  draw(random: () => number): ParameterValue;
  /** The logarithm of a value's density, or probability. */
  score(value: ParameterValue): number;
}

function mostPromising(
  good: Distribution,
  bad: Distribution,
  random: () => number,
): ParameterValue {
  const candidates = Array.from({ length: CANDIDATES }, () => good.draw(random));
  const gains = candidates.map((value) => good.score(value) - bad.score(value));
  return candidates[gains.indexOf(Math.max(...gains))];
}

/** Counts the values of a choice; each is counted once more, so that none is impossible. */
function fitChoice(dimension: Dimension, tried: readonly ParameterValue[]): Distribution {
  const values = dimension.grid(1);
  const counts = values.map((value) => 1 + tried.filter((other) => other === value).length);
  const total = counts.reduce((sum, count) => sum + count);
  return {
    draw(random) {
      let left = random() * total;
      const index = counts.findIndex((count) => (left -= count) < 0);
      return values[index < 0 ? values.length - 1 : index];
    },
    score: (value) => Math.log(counts[values.indexOf(value)] / total),
  };
}

/** A normal distribution that is cut off outside of [0, 1]. */
interface Kernel {
  readonly mean: number;
  readonly width: number;
}

/** A mixture of a kernel at each value, and of a wide one for the whole dimension. */
function fitNumber(dimension: Dimension, tried: readonly ParameterValue[]): Distribution {
  const kernels = kernelsAt(tried.map((value) => dimension.placeOf(value)));
  return {
    draw: (random) =>
      dimension.at(drawFrom(kernels[Math.floor(random() * kernels.length)], random)),
    score(value) {
      const place = dimension.placeOf(value);
      const density = kernels.reduce((sum, kernel) => sum + densityOf(kernel, place), 0);
      return Math.log(density / kernels.length);
    },
  };
}

/** Places kernels, each as wide as the larger distance to its neighbours. */
function kernelsAt(places: readonly number[]): Kernel[] {
  const prior = { mean: 0.5, width: 1 };
  const means = [...places, prior.mean].sort((a, b) => a - b);
  const narrowest = 1 / Math.min(100, 1 + means.length);
  let left = 1; // the prior is one of the means, and keeps its own width
  return means.map((mean, index) => {
    if (mean === prior.mean && left-- === 1) return prior;
    const gaps = [mean - (means[index - 1] ?? 0), (means[index + 1] ?? 1) - mean];
    return { mean, width: Math.min(1, Math.max(narrowest, ...gaps)) };
  });
}

function drawFrom({ mean, width }: Kernel, random: () => number): number {
  for (;;) {
    // Box and Muller's method; 1 - random() is never 0.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const place = mean + width * normal;
    if (place >= 0 && place < 1) return place;
  }
}

function densityOf({ mean, width }: Kernel, place: number): number {
  const distance = (place - mean) / width;
  const inside = below((1 - mean) / width) - below(-mean / width);
  return Math.exp(-distance * distance / 2) / (Math.sqrt(2 * Math.PI) * width * inside);
}

/** The probability that a standard normal draw is below a bound, to 1e-7. */
function below(bound: number): number {
  // M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 1964, 26.2.17.
  const t = 1 / (1 + 0.2316419 * Math.abs(bound));
  const sum = t *
    (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = Math.exp(-bound * bound / 2) / Math.sqrt(2 * Math.PI) * sum;
  return bound > 0 ? 1 - above : above;
}
