import type { Bracket } from "./brackets.ts";
import type { AnyParameters } from "./dimension.ts";
import { type JobRecord, keyOf, type TrialJob, type Verdict } from "./job_record.ts";
import { type Standing, standings } from "./standings.ts";
import type { TriedTrial } from "./tree_parzen.ts";

/** The trials of a sweep. */
export interface SweepPlan {
  /** The groups of trials that compete. */
  readonly brackets: readonly Bracket[];
  /** The seed of every trial. */
  readonly seeds: readonly number[];
  /**
   * Draws the parameters of a trial.
   *
   * @param trial The number of the trial.
   * @param tried The trials that have ended, in the order of their ends.
   */
  draw(trial: number, tried: readonly TriedTrial[]): AnyParameters;
  /** Whether the draws depend on former trials. Default: `false`. */
  readonly adaptive?: boolean;
  /** Whether smaller or larger values are better. */
  readonly mode: "min" | "max";
}

/**
 * The state of all trials, and the jobs that follow from it. It depends only on the records, in any
 * order, so that a driver that is started again continues where the last one was.
 */
export class Ledger {
  readonly #plan: SweepPlan;
  readonly #records = new Map<string, JobRecord>();
  readonly #drawn = new Map<number, AnyParameters>();
  /** For each trial its records, and its values by epoch. */
  readonly #trials: { records: JobRecord[]; values: Map<number, number> }[];
  #standings = new Map<Bracket, Map<number, Standing>>();

  constructor(plan: SweepPlan) {
    this.#plan = plan;
    this.#trials = plan.seeds.map(() => ({ records: [], values: new Map() }));
  }

  /** Number of trials. */
  get size(): number {
    return this.#trials.length;
  }

  /** The records, in the order in which they were added. */
  get records(): JobRecord[] {
    return [...this.#records.values()];
  }

  /** Adds the record of a job; returns whether it is new. */
  add(record: JobRecord): boolean {
    const trial = this.#trials[record.trial];
    if (!trial || this.#records.has(keyOf(record))) return false;
    this.#records.set(keyOf(record), record);
    trial.records.push(record);
    for (const [epochs, value] of record.reports) trial.values.set(epochs, value ?? NaN);
    this.#standings.clear();
    return true;
  }

  /** Notes a value of a trial that is running. */
  report(trial: number, epochs: number, value: number): void {
    this.#trials[trial]?.values.set(epochs, value);
    this.#standings.clear();
  }

  /** The verdict for a trial that has reached a rung. */
  verdict(trial: number): Verdict {
    const standing = this.#standingOf(trial);
    return standing === "rejected" ? "stop" : standing === "open" ? "pause" : "continue";
  }

  /**
   * The jobs that can be done now and have no record.
   *
   * @param open The largest number of jobs, if draws depend on former trials: a job is drawn as late
   *   as possible.
   */
  jobs(open: number): TrialJob[] {
    const { seeds, adaptive } = this.#plan;
    let left = adaptive ? open : Infinity;
    return this.#trials.flatMap(({ records }, trial) => {
      const last = records.at(-1);
      if (last && !(last.status === "paused" && this.#standingOf(trial) === "promoted")) return [];
      if (left-- <= 0) return [];
      const { rungs } = this.#bracketOf(trial);
      const reached = Math.max(0, ...last?.reports.map(([epochs]) => epochs) ?? []);
      return [{
        trial,
        segment: records.length,
        parameters: this.#parametersOf(trial),
        seed: seeds[trial],
        epochs: rungs.at(-1)!,
        rungs: rungs.slice(0, -1).filter((epochs) => epochs > reached),
      }];
    }).sort((a, b) => b.segment - a.segment);
  }

  /** Whether all trials have ended. */
  get done(): boolean {
    return this.#trials.every((_, trial) => !["waiting", "paused"].includes(this.statusOf(trial)));
  }

  /** The status of a trial, according to its records. */
  statusOf(trial: number): JobRecord["status"] | "waiting" {
    const last = this.#trials[trial].records.at(-1);
    if (!last) return "waiting";
    const rejected = last.status === "paused" && this.#standingOf(trial) === "rejected";
    return rejected ? "stopped" : last.status;
  }

  /** The records of a trial, in the order of its segments. */
  recordsOf(trial: number): readonly JobRecord[] {
    return this.#trials[trial].records;
  }

  /** Draws the parameters of a trial once, unless a former run has done so. */
  #parametersOf(trial: number): AnyParameters {
    const [first] = this.#trials[trial].records;
    const known = first?.parameters ?? this.#drawn.get(trial);
    if (known) return known;
    const tried = this.records.filter(({ status }) => status !== "paused")
      .map(({ parameters, value }) => ({ parameters, value: value ?? NaN }));
    const drawn = this.#plan.draw(trial, tried);
    this.#drawn.set(trial, drawn);
    return drawn;
  }

  #standingOf(trial: number): Standing | undefined {
    const bracket = this.#bracketOf(trial);
    const known = this.#standings.get(bracket) ??
      standings(bracket, (...at) => this.#valueAt(bracket, ...at), this.#plan.mode);
    this.#standings.set(bracket, known);
    return known.get(trial);
  }

  /** The first value at a rung or later: `undefined` if it may still come, `null` if it will not. */
  #valueAt({ rungs }: Bracket, trial: number, rung: number): number | null | undefined {
    const { records, values } = this.#trials[trial];
    const epochs = [...values.keys()].filter((epochs) => epochs >= rungs[rung]);
    if (epochs.length > 0) return values.get(Math.min(...epochs));
    const last = records.at(-1);
    if (last?.status === "completed") return last.value ?? NaN;
    return last && last.status !== "paused" ? null : undefined;
  }

  #bracketOf(trial: number): Bracket {
    return this.#plan.brackets.findLast(({ first }) => first <= trial)!;
  }
}
