import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  choice,
  integer,
  logUniform,
  sweep,
  type SweepOptions,
  type Trial,
  uniform,
} from "../../sweep.ts";
import { selectBackend, tf } from "../../mod.ts";
import { keyedRandom } from "../../data.ts";
import { connectOptions } from "../../src/sweep/nats_options.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { canRun } from "./nats_server.ts";
import { SweepScript } from "./sweep_script.ts";

const test = (name: string, fn: () => Promise<void> | void) =>
  Deno.test({ name, ignore: !canRun, fn });

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sweep-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const space = { x: uniform(-1, 1), n: integer(1, 4), kind: choice(["a", "b"]) };

/** A sweep in this process that prints nothing. */
function quiet(options: Partial<SweepOptions<typeof space>>) {
  return sweep({
    space,
    objective: ({ parameters: { x, n } }: Trial<{ x: number; n: number }>) => x * x + n,
    workers: 0,
    write: () => {},
    args: [],
    ...options,
  } as SweepOptions<typeof space>);
}

Deno.test("dimensions draw evenly on their scale, and never outside it", () => {
  const random = keyedRandom(1);
  const draws = 4000;
  const counts = new Map<number, number>();
  let below = 0;
  for (let index = 0; index < draws; index++) {
    const value = integer(1, 4).at(random());
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (logUniform(1e-4, 1).at(random()) < 1e-2) below++;
  }
  assertEquals([...counts.keys()].toSorted(), [1, 2, 3, 4]);
  for (const count of [...counts.values(), below / 2]) {
    assertAlmostEquals(count / draws, 0.25, 0.03);
  }
  for (const dimension of [uniform(-3, 5), logUniform(0.1, 9)]) {
    for (const place of [0, 0.3, 1]) {
      assertAlmostEquals(dimension.placeOf(dimension.at(place)), place, 1e-12);
    }
    assertEquals([0, 1].map((end) => dimension.placeOf(dimension.grid(2)[end])), [0, 1]);
  }
  assertEquals(choice([true, null, 3]).grid(1), [true, null, 3]);
});

Deno.test("dimensions refuse impossible bounds and values", () => {
  for (const [low, high] of [[1, 1], [2, 1], [0, Infinity], [NaN, 1]]) {
    assertThrows(() => uniform(low, high), RangeError, "its bounds must be finite");
  }
  assertThrows(() => logUniform(0, 1), RangeError, "its bounds must be finite and > 0");
  assertThrows(() => integer(0.5, 3), RangeError, "its bounds must be integers");
  assertThrows(() => choice([]), RangeError, "values must be distinct, at least one");
  assertThrows(() => choice([1, 1]), RangeError, "values must be distinct");
  assertThrows(() => choice([NaN]), TypeError, "must be finite numbers");
});

Deno.test("connectOptions() separates credentials and hosts", () => {
  const tls = { host: "h" };
  const cases: [Parameters<typeof connectOptions>[0], unknown][] = [
    [{ servers: "h" }, { servers: ["h"] }],
    [{ servers: ["nats://h:1", "nats://i:2"] }, { servers: ["h:1", "i:2"] }],
    [{ servers: "nats://t%2Fk@h:1" }, { servers: ["h:1"], token: "t/k" }],
    [{ servers: "tls://u:p%40@h:1" }, { servers: ["h:1"], user: "u", pass: "p@", tls }],
    [{ servers: "nats://u:p@h", token: "t" }, { servers: ["h"], token: "t" }],
    [{ servers: "h", tls: { ca: "-" } }, { servers: ["h"], tls: { ca: "-", ...tls } }],
  ];
  for (const [given, expected] of cases) assertEquals(connectOptions(given), expected);
});

test("sweep() refuses options that cannot work, before any work", async () => {
  const wrong: [Partial<SweepOptions<typeof space>>, string][] = [
    [{ space: {} as typeof space }, "space must have dimensions"],
    [{ trials: 0 }, "trials must be an integer >= 1: current value is 0"],
    [{ workers: 1.5 }, "workers must be an integer >= 0"],
    [{ algorithm: "annealing" as "grid" }, "algorithm must be one of random, grid, hyperband, tpe"],
    [{ algorithm: "hyperband", epochs: 2 }, "epochs must be an integer >= 3: current value is 2"],
    [{ worker: true }, "a worker must have a server: give it --nats URL"],
    [{ monitor: "train.fun" }, "mode must be"],
    [{ nats: "http://host" }, "a NATS server must be a URL such as nats://host:4222"],
    [{ args: ["--workers", "many"] }, "workers must be an integer >= 0: current value is NaN"],
    [{ args: ["--folder"] }, "--folder must have a value"],
    [{ args: ["--nats"] }, "--nats must have a value"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(() => quiet({ folder: "/dev/null/no", ...options }), Error, message);
  }
});

test("sweep() draws by seed and number, so that more trials later change no former trial", () =>
  inFolder(async (folder) => {
    const first = await quiet({ trials: 3, folder });
    let begun = 0;
    const more = await quiet({
      trials: 6,
      folder,
      objective: ({ parameters: { x, n } }) => (begun++, x * x + n),
    });
    assertEquals(begun, 3, "trials in the journal are not repeated");
    const other = await quiet({ trials: 6, folder: `${folder}/other.1/` });
    const facts = ({ trials }: typeof more) =>
      trials.map(({ trial, parameters, value }) => ({ trial, parameters, value }));
    assertEquals(facts(more), facts(other));
    assertEquals(facts(first), facts(more).filter(({ trial }) => trial < 3));
    assertEquals(more.best, more.trials[0]);
    const least = Math.min(...more.trials.map(({ value }) => value));
    assertEquals(more.best!.value, least);
    assertEquals(
      (await quiet({ trials: 6, folder: `${folder}/max`, mode: "max" })).best!.value,
      Math.max(...more.trials.map(({ value }) => value)),
    );
  }));

test("sweep() tries every point of a grid", () =>
  inFolder(async (folder) => {
    const { trials } = await quiet({ algorithm: "grid", points: 2, folder });
    assertEquals(trials.length, 2 * 2 * 2);
    const points = new Set(trials.map(({ parameters }) => JSON.stringify(parameters)));
    assertEquals(points.size, 8);
    for (const { parameters: { x, n } } of trials) {
      assert([-1, 1].includes(x) && [1, 4].includes(n));
    }
  }));

test("sweep() records a trial's error with its parameters, and continues", () =>
  inFolder(async (folder) => {
    const lines: string[] = [];
    const { trials, best } = await quiet({
      trials: 4,
      folder,
      write: (text) => void lines.push(text),
      objective: ({ number, parameters }) => {
        if (number === 0) return;
        if (number === 2) throw new Error(`cannot do ${parameters.kind}`);
        return number === 3 ? NaN : 1;
      },
    });
    assertEquals(best?.trial, 1);
    assertEquals(trials.map(({ trial, status }) => [trial, status]), [
      [1, "completed"],
      [3, "completed"],
      [0, "failed"],
      [2, "failed"],
    ]);
    assertMatch(trials[2].error!, /an objective must return a number/);
    assertMatch(trials[3].error!, /^Error: cannot do [ab]\n +at .*sweep_test\.ts/);
    assertMatch(
      lines.join(""),
      /trial 2 failed: Error: cannot do [ab] {2}\(x -?0\.\d+, n \d, kind/,
    );
    const svg = await Deno.readTextFile(`${folder}/history.svg`);
    assert(svg.includes("best so far") && !/NaN|undefined/.test(svg));
    const parallel = await Deno.readTextFile(`${folder}/parallel.svg`);
    for (const text of ["2 trials", ">x<", ">n<", ">kind<", ">b<", ">validation.loss<"].slice(1)) {
      assert(parallel.includes(text), text);
    }
  }));

test("sweep() explains wrong results, reports and errors of an objective", () =>
  inFolder(async (folder) => {
    const outcomes: [(trial: Trial) => unknown, RegExp][] = [
      [() => null, /^TypeError: Cannot compare trials as an objective must return a number/],
      [() => ({}), /^TypeError: Cannot compare trials as an objective must return a number/],
      [
        (trial) => trial.report("1" as never),
        /^TypeError: Cannot report as value must be a number/,
      ],
      [() => Promise.reject({ code: 7 }), /^\{ code: 7 \}$/],
      [() => {
        throw new Error("outer", { cause: new Error("inner") });
      }, /^Error: outer[^]*\[cause\]: Error: inner/],
    ];
    const { trials } = await quiet({
      trials: outcomes.length,
      folder,
      objective: (trial) => outcomes[trial.number][0](trial) as number,
    });
    for (const { trial, error } of trials) assertMatch(error!, outcomes[trial][1]);
  }));

test("a trial that has ended reports no more", () =>
  inFolder(async (folder) => {
    const ended: Trial[] = [];
    const { trials: [{ reports }] } = await quiet({
      trials: 1,
      folder,
      async objective(trial) {
        ended.push(trial);
        assertEquals(await trial.report(1), true);
      },
    });
    assertEquals(await ended[0].report(0), false);
    assertEquals(reports, [[1, 1]]);
  }));

test("sweep() continues after an incomplete last line, and refuses another sweep", () =>
  inFolder(async (folder) => {
    await quiet({ trials: 3, folder });
    const path = `${folder}/trials.jsonl`;
    const whole = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, whole.slice(0, -20));
    let begun = 0;
    const { trials } = await quiet({
      trials: 3,
      folder,
      objective: ({ parameters: { x, n } }) => (begun++, x * x + n),
    });
    assertEquals([begun, trials.length], [1, 3]);
    const lines = (text: string) => text.trim().split("\n").length;
    assertEquals(lines(await Deno.readTextFile(path)), lines(whole));
    await assertRejects(
      () => quiet({ trials: 3, folder, seed: 1 }),
      Error,
      `Cannot continue the sweep in ${path} as its settings must be the same`,
    );
  }));

test("a trial cancels its Learner at a rung, and resumes there bit for bit", () =>
  inFolder(async (folder) => {
    await selectBackend({ prefer: "cpu", quiet: true });
    const epochs: number[] = [];
    let cancelled = 0;
    const tried = async (trial: Trial<{ rate: number }>) => {
      const { learner, dispose } = tinyLearner({
        callbacks: [trial, {
          name: "Count",
          beforeEpoch: ({ epoch }) => void epochs.push(epoch),
        }],
        seed: trial.seed,
      });
      const { rate } = trial.parameters;
      try {
        const result = await learner.train({ epochs: trial.epochs, learningRate: rate });
        if (result.status === "cancelled") cancelled++;
        return result;
      } finally {
        dispose();
      }
    };
    const before = tf.memory().numTensors;
    const rate = logUniform(1e-5, 0.1);
    const shared = { space: { rate }, objective: tried, workers: 0, write: () => {}, epochs: 9 };
    const found = await sweep({ ...shared, algorithm: "hyperband", trials: 9, folder });
    assertEquals(tf.memory().numTensors, before);
    assertEquals(epochs.length, 9 + 3 * 2 + 6, "no epoch was trained twice");
    assert(cancelled >= 8, "all but the best were cancelled at some rung");

    const [first] = found.trials;
    const rateOf = Number(first.parameters.rate.toPrecision(4));
    assert(found.table(3).split("\n")[2].endsWith(` ${rateOf}`));
    const narrow = found.table(3, 56).split("\n");
    assertEquals(narrow.length, 2 + 2 * 3);
    assert(narrow.every((line) => line.length <= 56), narrow.join("\n"));
    assertEquals(narrow[3], `       rate ${rateOf}`);

    const plain = await sweep({ ...shared, trials: 9, folder: `${folder}/plain` });
    assertEquals(tf.memory().numTensors, before);
    const { best } = found;
    const same = plain.trials.find(({ trial }) => trial === best!.trial)!;
    assertEquals(best!.reports.length, 9);
    assertEquals(best!.reports, same.reports);
    assertEquals(
      [...Deno.readDirSync(folder)].map(({ name }) => name).includes("checkpoints"),
      false,
    );
  }));

test("sweep() in processes begins a trial at most three times if its workers die", async () => {
  await using once = new SweepScript({ trials: 4, wait: 50, suicide: 2 });
  const first = await once.spawn("--workers", "2").result();
  assertEquals(first.code, 0, first.errors);
  assertEquals(once.records().map(({ status }) => status).toSorted(), [
    "completed",
    "completed",
    "completed",
    "failed",
  ]);
  const begun = (script: SweepScript) =>
    script.trace().filter(({ what, trial }) => what === "begin" && trial === 2).length;
  assertEquals(begun(once), 2);

  await using always = new SweepScript({ trials: 4, wait: 50, suicide: 2, stubborn: true });
  const second = await always.spawn("--workers", "1").result();
  assertEquals(second.code, 0, second.errors);
  assertEquals(begun(always), 3);
  const { status, error } = always.records().find(({ trial }) => trial === 2)!;
  const log = `${always.folder}/out/worker-1.log`;
  const expected = `at attempt 3, the worker ended with signal SIGKILL, see ${log}`;
  assertEquals([status, error], ["failed", expected]);
});

test("sweep() in processes ends together with its driver, even where a trial hangs", async () => {
  await using script = new SweepScript({ trials: 4, wait: 0, deaf: 60_000 });
  const driver = script.spawn("--workers", "2");
  await script.until("begin", 2);
  await driver.kill();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (const { pid } of script.trace()) assertEquals(await isRunning(pid), false);
});

test("sweep() names the file that cannot be read or written, and leaves no process", () =>
  inFolder(async (folder) => {
    const required = "must be a file that can be read and written";
    await Deno.mkdir(`${folder}/trials.jsonl`);
    await assertRejects(() => quiet({ folder }), Error, `${folder}/trials.jsonl ${required}`);
    await assertRejects(() => quiet({ folder: "/dev/null/no" }), Error, required);

    await using script = new SweepScript({ trials: 4, wait: 60_000 });
    await Deno.mkdir(`${script.folder}/out/worker-1.log`, { recursive: true });
    const { code, errors } = await script.spawn("--workers", "2", "--loud").result();
    assertEquals(code, 1);
    assertStringIncludes(errors, `worker-1.log ${required}: Is a directory`);
    for (const { pid } of script.trace()) assertEquals(await isRunning(pid), false);
  }));

test("sweep() names the line of the journal that is damaged or foreign", () =>
  inFolder(async (folder) => {
    await quiet({ trials: 2, folder });
    const path = `${folder}/trials.jsonl`;
    const lines = (await Deno.readTextFile(path)).split("\n");
    const record = JSON.parse(lines[1]);
    const parts = { trial: -1, segment: "0", parameters: null, status: "done", value: "1" };
    const others = { reports: [[1]], error: 7, seconds: null, worker: 0 };
    const changed = Object.entries({ ...parts, ...others }).map(([name, value]) =>
      JSON.stringify({ ...record, [name]: value })
    );
    for (const line of ["{", "", "null", "7", "[]", "{}", '{"level":"info"}', ...changed]) {
      await Deno.writeTextFile(path, lines.with(1, line).join("\n"));
      const { message } = await assertRejects(() => quiet({ trials: 2, folder }), Error);
      assertStringIncludes(message, path);
      const start = line.slice(0, 80);
      assertStringIncludes(message, `must be the record of a trial: line 2 is ${start}`);
    }
    await Deno.writeTextFile(path, lines.toSpliced(1, 1).join("\n"));
    assertEquals((await quiet({ trials: 2, folder })).trials.length, 2, "as the message says");
  }));

test("sweep() in processes ends together with its driver, and continues with the next", async () => {
  await using script = new SweepScript({ trials: 6, wait: 400 });
  const driver = script.spawn("--workers", "2");
  await script.until("end", 2);
  await script.until("begin", 4);
  await driver.kill();
  const pids = new Set(script.trace().map(({ pid }) => pid));
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const pid of pids) assertEquals(await isRunning(pid), false, "no process is left");
  const known = script.records().map(({ trial }) => trial);
  const begun = script.trace().length;

  assertEquals((await script.spawn("--workers", "2").result()).code, 0);
  const again = script.trace().slice(begun).map(({ trial }) => trial);
  assertEquals(again.filter((trial) => known.includes(trial)), [], "no trial is repeated");
  assertEquals(script.records().map(({ trial }) => trial).toSorted(), [0, 1, 2, 3, 4, 5]);
});

async function isRunning(pid: number): Promise<boolean> {
  const state = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  return state !== "" && !/\) Z /.test(state);
}
