import { assert, assertEquals } from "@std/assert";
import { keyedRandom, permutation } from "../../data.ts";
import { type Bracket, hyperbandBrackets, singleBracket } from "../../src/sweep/brackets.ts";
import { Ledger, type SweepPlan } from "../../src/sweep/ledger.ts";
import type { JobRecord, TrialJob } from "../../src/sweep/job_record.ts";
import { standings } from "../../src/sweep/standings.ts";

Deno.test("hyperbandBrackets() gives table 1 of the paper", () => {
  const brackets = hyperbandBrackets({ epochs: 81, factor: 3 });
  const rows = brackets.map(({ trials, rungs, keep }) =>
    rungs.map((epochs, rung) => [rung === 0 ? trials : keep[rung - 1], epochs])
  );
  assertEquals(rows, [
    [[81, 1], [27, 3], [9, 9], [3, 27], [1, 81]],
    [[34, 3], [11, 9], [3, 27], [1, 81]],
    [[15, 9], [5, 27], [1, 81]],
    [[8, 27], [2, 81]],
    [[5, 81]],
  ]);
});

Deno.test("hyperbandBrackets() repeats and shortens brackets to have the given number of trials", () => {
  const sizes = (trials: number) =>
    hyperbandBrackets({ epochs: 9, factor: 3, trials }).map(({ first, trials }) => [first, trials]);
  assertEquals(sizes(11), [[0, 9], [9, 2]]);
  assertEquals(sizes(18), [[0, 9], [9, 5], [14, 3], [17, 1]]);
  const [{ rungs }] = hyperbandBrackets({ epochs: 10, factor: 2 });
  assertEquals(rungs, [1, 3, 5, 10]);
});

/** The record of a job whose values are known; NaN stands for an error. */
function work(job: TrialJob, values: Values, judge: (epochs: number) => string): JobRecord {
  const { trial, segment, parameters, epochs, rungs } = job;
  const reports: [number, number][] = [];
  const end = (status: JobRecord["status"]) => ({
    ...{ trial, segment, parameters, status, reports, seconds: 0, worker: "" },
    value: reports.at(-1)?.[1] ?? null,
  });
  for (let epoch = 1; epoch <= Math.min(epochs, values[trial].ends); epoch++) {
    const value = values[trial].at(epoch);
    if (Number.isNaN(value)) return end("failed");
    reports.push([epoch, value]);
    const verdict = rungs.includes(epoch) ? judge(epoch) : "continue";
    if (verdict === "pause") return end("paused");
    if (verdict === "stop") return end("stopped");
  }
  return end("completed");
}

/** For each trial, its value by epoch, and the number of epochs after which it ends by itself. */
type Values = { at(epoch: number): number; ends: number }[];

/** Successive halving as in the paper: rung by rung, all trials at once. */
function asInThePaper(
  { first, trials, rungs, keep }: Bracket,
  values: Values,
): Map<number, number> {
  const reached = new Map<number, number>();
  let alive = Array.from({ length: trials }, (_, index) => first + index);
  rungs.forEach((epochs, rung) => {
    alive = alive.filter((trial) => {
      for (let epoch = 1; epoch <= Math.min(epochs, values[trial].ends); epoch++) {
        if (Number.isNaN(values[trial].at(epoch))) return false;
      }
      if (values[trial].ends >= epochs) reached.set(trial, epochs);
      return true;
    });
    const valueOf = (trial: number) => values[trial].at(Math.min(epochs, values[trial].ends));
    alive = alive.toSorted((a, b) => valueOf(a) - valueOf(b) || a - b)
      .slice(0, keep[rung]);
  });
  return reached;
}

Deno.test("Ledger does successive halving as in the paper, in any order of work", () => {
  const brackets = hyperbandBrackets({ epochs: 27, factor: 3 });
  const size = brackets.reduce((sum, { trials }) => sum + trials, 0);
  const verdicts = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const random = keyedRandom(7, round);
    const values: Values = Array.from({ length: size }, () => {
      const [level, slope, fails] = [Math.round(random() * 10), random() * 2 - 1, random() * 200];
      const ends = random() < 0.4 ? 1 + Math.floor(random() * 9) : Infinity;
      return { at: (epoch) => epoch > fails ? NaN : level - slope * epoch, ends };
    });
    const plan: SweepPlan = {
      brackets,
      draw: () => ({}),
      seeds: values.map(() => 0),
      mode: "min",
    };
    let ledger = new Ledger(plan);
    const known: JobRecord[] = [];
    while (!ledger.done) {
      const jobs = ledger.jobs(Infinity);
      assert(jobs.length > 0, "there are jobs until all trials have ended");
      const order = permutation(jobs.length, random);
      const batch = [...order].slice(0, 1 + Math.floor(random() * 8)).map((index) => jobs[index]);
      const ended = batch.map((job) =>
        work(job, values, (epochs) => {
          if (random() < 0.2) return "pause"; // no driver answers
          ledger.report(job.trial, epochs, values[job.trial].at(epochs));
          const verdict = ledger.verdict(job.trial);
          verdicts.add(verdict);
          return verdict;
        })
      );
      for (const record of ended) assert(ledger.add(record));
      assertEquals(ledger.add(ended[0]), false, "a second record of the same job is not new");
      known.push(...ended);
      if (random() < 0.1) { // the driver dies, and another reads the journal
        ledger = new Ledger(plan);
        for (const record of known) ledger.add(record);
      }
    }
    const reached = new Map<number, number>();
    for (const { trial, reports } of known) {
      const last = reports.at(-1)?.[0] ?? 0;
      for (const rung of brackets.findLast(({ first }) => first <= trial)!.rungs) {
        if (last >= rung) reached.set(trial, Math.max(rung, reached.get(trial) ?? 0));
      }
    }
    const expected = brackets.flatMap((bracket) => [...asInThePaper(bracket, values)]);
    assertEquals([...reached].toSorted(byTrial), expected.toSorted(byTrial));
  }
  assertEquals(verdicts, new Set(["continue", "pause", "stop"]));
});

const byTrial = ([a]: [number, number], [b]: [number, number]) => a - b;

Deno.test("standings() does not count on a trial that may still be rejected on a lower rung", () => {
  const bracket: Bracket = { first: 0, trials: 5, rungs: [2, 4, 8], keep: [3, 1] };
  /** Trial 1 ended before the first rung; trials 3 and 4 may come. */
  const values: (number | undefined)[][] = [[0, 5], [1, 1], [2], [], []];
  const standing = (trial: number) =>
    standings(bracket, (trial, rung) => values[trial][rung], "min").get(trial);
  assertEquals([0, 1, 2, 3].map(standing), ["open", "open", "open", undefined]);
  values[3] = [0.5, 6];
  values[4] = [0.6, 7];
  assertEquals([0, 1, 2, 3, 4].map(standing), [
    "promoted",
    "rejected",
    "rejected",
    "rejected",
    "rejected",
  ]);
});

Deno.test("Ledger treats NaN as the worst, and compares trials without reports by their result", () => {
  const record = (trial: number, value: number | null): JobRecord => ({
    ...{ trial, segment: 0, parameters: {}, status: "completed", value, reports: [] },
    ...{ seconds: 0, worker: "" },
  });
  const plan: SweepPlan = {
    brackets: [{ first: 0, trials: 3, rungs: [1, 3], keep: [1] }],
    draw: () => ({}),
    seeds: [0, 0, 0],
    mode: "max",
  };
  const ledger = new Ledger(plan);
  ledger.add(record(0, null));
  ledger.add(record(1, 5));
  ledger.report(2, 1, 4);
  assertEquals(ledger.verdict(2), "stop");
  ledger.report(2, 1, 6);
  assertEquals(ledger.verdict(2), "continue");
  const single = new Ledger({ ...plan, brackets: singleBracket(3, 3) });
  assertEquals(single.jobs(3).map(({ rungs }) => rungs), [[], [], []]);
});
