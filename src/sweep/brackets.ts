/** Trials that compete with each other. */
export interface Bracket {
  /** The number of its first trial. */
  readonly first: number;
  /** How many trials it begins with. */
  readonly trials: number;
  /** After which epochs they are compared, ascending; the last is where the best end. */
  readonly rungs: readonly number[];
  /** How many go on from each rung but the last. */
  readonly keep: readonly number[];
}

/** Trials that are never compared before their end: random and grid search. */
export function singleBracket(trials: number, epochs: number): Bracket[] {
  return [{ first: 0, trials, rungs: [epochs], keep: [] }];
}

/** How Hyperband spends epochs. */
export interface HyperbandBudget {
  /** The epochs of a trial that goes to its end: R in the paper. */
  epochs: number;
  /** One in how many trials goes on: η in the paper. */
  factor: number;
  /** How many trials in all; brackets are repeated, or cut short, to give that many. */
  trials?: number;
}

/**
 * The brackets of Hyperband, from many short trials to few long ones.
 *
 * L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar, "Hyperband: A novel bandit-based
 * approach to hyperparameter optimization", JMLR 18 (2018), algorithm 1,
 * <https://jmlr.org/papers/v18/16-558.html>. Here brackets run side by side, epochs are rounded to
 * integers, and the last bracket is shorter where `trials` says so.
 */
export function hyperbandBrackets({ epochs, factor, trials }: HyperbandBudget): Bracket[] {
  let most = 0;
  while (factor ** (most + 1) <= epochs) most++;
  const once = Array.from({ length: most + 1 }, (_, index) => {
    const halvings = most - index;
    return { halvings, count: Math.ceil((most + 1) * factor ** halvings / (halvings + 1)) };
  });
  let left = trials ?? once.reduce((sum, { count }) => sum + count, 0);
  const brackets: Bracket[] = [];
  for (let index = 0, first = 0; left > 0; index++) {
    const { halvings, count } = once[index % once.length];
    const size = Math.min(count, left);
    const rungs = Array.from(
      { length: halvings + 1 },
      (_, rung) => Math.round(epochs / factor ** (halvings - rung)),
    );
    const keep = rungs.slice(1).map((_, rung) =>
      Math.max(1, Math.floor(Math.floor(size / factor ** rung) / factor))
    );
    brackets.push({ first, trials: size, rungs, keep });
    first += size;
    left -= size;
  }
  return brackets;
}
