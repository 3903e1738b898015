import type { Bracket } from "./brackets.ts";
import type { AnyParameters } from "./dimension.ts";
import { type Job, type JobRecord, keyOf, type Verdict } from "./job_record.ts";
import { type Standing, standings } from "./standings.ts";

/** What a sweep is going to do. */
export interface Plan {
  /** Which trials compete, and where. */
  readonly brackets: readonly Bracket[];
  /** The parameters of every trial. */
  readonly parameters: readonly AnyParameters[];
  /** The seed of every trial. */
  readonly seeds: readonly number[];
  /** Whether less or more of the value is better. */
  readonly mode: "min" | "max";
}

/**
 * What is known of all trials, and what follows from it. It follows from the records alone, in
 * whichever order they come, so a driver that starts again goes on where the last one was.
 */
export class Ledger {
  readonly #plan: Plan;
  readonly #records = new Map<string, JobRecord>();
  /** By trial, its records and, by epoch, its values. */
  readonly #trials: { records: JobRecord[]; values: Map<number, number> }[];
  #standings = new Map<Bracket, Map<number, Standing>>();

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#trials = plan.parameters.map(() => ({ records: [], values: new Map() }));
  }

  /** How many trials there are. */
  get size(): number {
    return this.#trials.length;
  }

  /** The records, in the order in which they were added. */
  get records(): JobRecord[] {
    return [...this.#records.values()];
  }

  /** Takes what became of a job; tells whether that is news. */
  add(record: JobRecord): boolean {
    const trial = this.#trials[record.trial];
    if (!trial || this.#records.has(keyOf(record))) return false;
    this.#records.set(keyOf(record), record);
    trial.records.push(record);
    for (const [epochs, value] of record.reports) trial.values.set(epochs, value ?? NaN);
    this.#standings.clear();
    return true;
  }

  /** Takes a value of a trial that is running. */
  report(trial: number, epochs: number, value: number): void {
    this.#trials[trial]?.values.set(epochs, value);
    this.#standings.clear();
  }

  /** What a trial that has reached a rung is to do. */
  verdict(trial: number): Verdict {
    const standing = this.#standingOf(trial);
    return standing === "rejected" ? "stop" : standing === "open" ? "pause" : "continue";
  }

  /** Every job that can be done by now and has no record. */
  jobs(): Job[] {
    const { parameters, seeds } = this.#plan;
    return this.#trials.flatMap(({ records }, trial) => {
      const last = records.at(-1);
      if (last && !(last.status === "paused" && this.#standingOf(trial) === "promoted")) return [];
      const { rungs } = this.#bracketOf(trial);
      const reached = Math.max(0, ...last?.reports.map(([epochs]) => epochs) ?? []);
      return [{
        trial,
        segment: records.length,
        parameters: parameters[trial],
        seed: seeds[trial],
        epochs: rungs.at(-1)!,
        rungs: rungs.slice(0, -1).filter((epochs) => epochs > reached),
      }];
    }).sort((a, b) => b.segment - a.segment);
  }

  /** Whether nothing more will come. */
  get done(): boolean {
    return this.#trials.every((_, trial) => !["waiting", "paused"].includes(this.statusOf(trial)));
  }

  /** What is known of a trial by its records. */
  statusOf(trial: number): JobRecord["status"] | "waiting" {
    const last = this.#trials[trial].records.at(-1);
    if (!last) return "waiting";
    const out = last.status === "paused" && this.#standingOf(trial) === "rejected";
    return out ? "stopped" : last.status;
  }

  /** What became of the pieces of a trial, in their order. */
  recordsOf(trial: number): readonly JobRecord[] {
    return this.#trials[trial].records;
  }

  #standingOf(trial: number): Standing | undefined {
    const bracket = this.#bracketOf(trial);
    const known = this.#standings.get(bracket) ??
      standings(bracket, (...at) => this.#valueAt(bracket, ...at), this.#plan.mode);
    this.#standings.set(bracket, known);
    return known.get(trial);
  }

  /** The first value that was reported at a rung or later. */
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
