/** Trials that compete with each other. */
export interface Bracket {
  /** Number of the first trial. */
  readonly first: number;
  /** Number of trials at the start. */
  readonly trials: number;
  /** The epochs after which trials are compared, ascending; the best trials end at the last. */
  readonly rungs: readonly number[];
  /** Number of trials that continue from each rung but the last. */
  readonly keep: readonly number[];
}

/** One bracket whose trials all run to their end, for random and grid search. */
export function singleBracket(trials: number, epochs: number): Bracket[] {
  return [{ first: 0, trials, rungs: [epochs], keep: [] }];
}

/** The budget of Hyperband. */
export interface HyperbandBudget {
  /** Epochs of a trial that runs to its end: R in the paper. */
  epochs: number;
  /** One in this many trials continues: η in the paper. */
  factor: number;
  /** Number of trials in all; brackets are repeated, or the last is shortened, to give that many. */
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
