import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CancelBatch, CancelEpoch, CancelTrain, type RunCheckpoint } from "../../mod.ts";
import { type ChromeTrace, type ChromeTraceEvent, Trace } from "../../callbacks.ts";
import { replay, ReplayError } from "../../inspect.ts";
import { HOOK_NAMES } from "../../chart.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { type Heard, recorder } from "../fixtures/recorded_hooks.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { until, within } from "../fixtures/within.ts";

const SIZES = { train: 3, validation: 2, test: 2 };

/** A test of runs, which must leave no tensor behind. */
function testRun(name: string, run: () => Promise<void>): void {
  Deno.test(name, async () => void await assertNoTensorsLeft(run));
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The trace as a file would return it. */
const saved = (trace: Trace): ChromeTrace => JSON.parse(JSON.stringify(trace));

const steps = ({ traceEvents }: ChromeTrace) => traceEvents.filter(({ cat }) => cat === "step");

/** Two epochs with a validation each, and a test. */
async function traced(): Promise<{ trace: Trace; heard: Heard[] }> {
  const trace = new Trace();
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: SIZES,
    callbacks: [recorder(heard), trace],
  });
  await assertNoTensorsLeft(() => learner.train({ epochs: 2 }));
  return { trace, heard };
}

Deno.test("Trace records every hook, with its callback, epoch, batch and state", async () => {
  const { trace, heard } = await traced();
  const hooks = trace.records.filter(({ callback }) => callback);
  assertEquals(
    hooks.map(({ work, epoch }) => [work, epoch]),
    heard.map(({ hook, epoch }) => [hook, epoch]),
  );
  assert(hooks.every(({ callback }) => callback === "recorder 0"), "and not its own");
  const states = new Map(hooks.map(({ work, state }) => [work, state]));
  assertEquals(states.get("beforeStep"), "train.epoch.batch.update");
  assertEquals(states.get("afterTest"), "testEnd");
  const third = trace.records.filter(({ work }) => work === "compute")[2];
  const { epoch, batch, state, callback } = third;
  assertEquals({ epoch, batch, state, callback }, {
    epoch: 0,
    batch: 2,
    state: "train.epoch.batch.compute",
    callback: undefined,
  });
});

testRun("Trace measures how long a hook takes, also where it waits or throws", async () => {
  const trace = new Trace();
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 1 },
    callbacks: [trace, {
      name: "Slow",
      beforeBatch: () => wait(20),
      async afterBatch() {
        await wait(20);
        throw new Error("broken on purpose");
      },
    }],
  });
  await learner.train().catch(() => {});
  for (const hook of ["beforeBatch", "afterBatch"]) {
    const { microseconds } = trace.records.find(({ work }) => work === hook)!;
    assert(microseconds > 15_000 && microseconds < 5e6, `${hook} took ${microseconds} µs`);
  }
});

/** Slices of one thread, each of which must be inside another one or beside it. */
function checkNesting(slices: readonly ChromeTraceEvent[]): void {
  const open: number[] = [];
  for (const { ts, dur, name } of slices) {
    while (open.length > 0 && open.at(-1)! <= ts + 1e-6) open.pop();
    const end = ts + dur!;
    if (open.length > 0) assert(end <= open.at(-1)! + 1e-6, `${name} sticks out of its parent`);
    open.push(end);
  }
}

Deno.test("Trace writes Chrome's trace format, and nests what is inside something else", async () => {
  const { traceEvents } = saved((await traced()).trace);
  let last = 0;
  for (const { ph, name, ts, dur, pid, tid, s } of traceEvents) {
    assert(["X", "i", "M"].includes(ph) && name.length > 0);
    assert(Number.isFinite(ts) && ts >= last, "in the order of time");
    assert(Number.isInteger(pid) && Number.isInteger(tid));
    if (ph === "X") assert(Number.isFinite(dur) && dur! >= 0, `${name} has no end`);
    if (ph === "i") assertEquals(s, "t");
    last = ts;
  }
  const slices = (tid: number) => traceEvents.filter((it) => it.ph === "X" && it.tid === tid);
  checkNesting(slices(1));
  checkNesting(slices(2));
  const within = (name: string, inner: string, tid: number) => {
    const outer = slices(tid).filter((slice) => slice.name === name);
    const inside = slices(tid).filter((slice) => slice.name === inner);
    assert(inside.length > 0);
    return inside.every(({ ts, dur }) =>
      outer.some((it) => it.ts <= ts && it.ts + it.dur! >= ts + dur! - 1e-6)
    );
  };
  assert(within("train", "epoch", 1) && within("epoch", "compute", 1));
  assertEquals(slices(1).filter(({ name }) => name === "epoch").length, 2);
  assertEquals(slices(1).filter(({ args }) => args.state === "train.epoch.batch").length, 6);
  const computes = slices(2).filter(({ name }) => name === "compute");
  assertEquals(computes.length, 6);
  const losses = slices(2).filter(({ name, args }) =>
    name === "recorder 0.afterLoss" && args.state === "train.epoch.batch.compute"
  );
  assertEquals(losses.length, 6);
  for (const [index, { ts, dur }] of computes.entries()) {
    assert(ts <= losses[index].ts && losses[index].ts + losses[index].dur! <= ts + dur!);
  }
});

testRun("replay() follows every run, wherever it is cancelled or fails", async () => {
  const throws = [
    () => new CancelBatch(),
    () => new CancelEpoch(),
    () => new CancelTrain(),
    () => new Error("broken on purpose"),
  ];
  for (const hook of HOOK_NAMES) {
    for (const make of throws) {
      const trace = new Trace();
      let thrown = false;
      const act = (at: string) => {
        if (at !== hook || thrown) return;
        thrown = true;
        throw make();
      };
      const { learner } = tinyLearner({
        kind: "scalar",
        sizes: SIZES,
        callbacks: [trace, recorder([], act)],
      });
      const run = learner.train({ epochs: 2 }).then(({ status }) => status, () => "failed");
      const status = await within(5000, `${make()} in ${hook}`, run);
      const replayed = replay(saved(trace));
      assertEquals(replayed.at(-1)!.state, status, `${make()} in ${hook}`);
      assertEquals(replayed.length, steps(saved(trace)).length);
      if (status === "failed") assert(replayed.at(-1)!.context.error !== null);
    }
  }
});

testRun(
  "replay() follows a run that was paused, stepped, resumed and cancelled from outside",
  async () => {
    const trace = new Trace();
    let batches = 0;
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: SIZES,
      callbacks: [trace, {
        afterBatch() {
          if (++batches === 1) learner.pause();
        },
      }],
    });
    const isHeldIn = (phase: "epoch" | "validate") =>
      learner.actor!.getSnapshot().matches({ train: { [phase]: "held" } });
    const run = learner.train({ epochs: 5 });
    await until(() => isHeldIn("epoch"));
    learner.step();
    await until(() => batches === 2 && isHeldIn("epoch"));
    learner.cancel("epoch");
    await until(() => isHeldIn("validate"));
    learner.cancel("train");
    assertEquals((await run).status, "cancelled");
    const replayed = replay(trace);
    const told = replayed.map(({ event }) => event?.type).filter((type) => type !== "next");
    assertEquals(told, [undefined, "pause", "step", "cancel.epoch", "cancel.train"]);
    assert(replayed.some(({ state }) => state === "train.epoch.held"));
    assertEquals(replayed.at(-1)!.state, "cancelled");
  },
);

Deno.test("replay() tells which step of a trace is not the machine's", async () => {
  const { trace } = await traced();
  const original = steps(saved(trace));
  const at = original.findIndex(({ args }) => JSON.stringify(args.value).includes("update"));
  assertEquals(at, 3);
  // deno-lint-ignore no-explicit-any -- what is changed is not to be of the right type
  type Step = ChromeTraceEvent & { args: any };
  const tampers: Record<string, (step: Step, all: ChromeTraceEvent[]) => unknown> = {
    "another state": ({ args }) => args.value = { train: { epoch: "held" } },
    "a state that does not exist": ({ args }) => args.value = "nowhere",
    "another batch": ({ args }) => args.context.batch++,
    "a context that lacks something": ({ args }) => delete args.context.hold,
    "another event": ({ args }) => args.event = { type: "cancel.train" },
    "an event that does not exist": ({ args }) => args.event = { type: "party" },
    "no event": ({ args }) => args.event = null,
    "a step left out": (step, all) => all.splice(all.indexOf(step), 1),
    "a step told twice": (step, all) => all.splice(all.indexOf(step), 0, structuredClone(step)),
  };
  for (const [name, tamper] of Object.entries(tampers)) {
    const copy = saved(trace);
    tamper(steps(copy)[at] as Step, copy.traceEvents);
    const error = assertThrows(() => replay(copy), ReplayError, "Cannot replay step");
    // A step that is told twice is wrong only the second time.
    assertEquals(error.index, name === "a step told twice" ? at + 1 : at, name);
    assertStringIncludes(error.message, String(error.index));
  }
  const nowhere = saved(trace);
  (steps(nowhere)[0] as Step).args.value = "nowhere";
  assertEquals(assertThrows(() => replay(nowhere), ReplayError).index, 0);
});

testRun("Trace keeps the newest, and what is left of a run is replayed", async () => {
  const trace = new Trace({ capacity: 40 });
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 50 },
    callbacks: [trace, recorder([])],
  });
  await learner.train({ epochs: 2 });
  assert(trace.dropped > 500);
  assert(trace.records.length <= 40);
  checkNesting(
    saved(trace).traceEvents.filter(({ ph, tid }) => ph === "X" && tid === 1),
  );
  const replayed = replay(trace);
  assert(replayed.length > 5 && replayed.length < 40);
  assertEquals(replayed.at(-1)!.state, "completed");
});

Deno.test("Trace starts over with each run, of any kind", async () => {
  const trace = new Trace();
  const { learner } = tinyLearner({ kind: "scalar", sizes: SIZES, callbacks: [trace] });
  await learner.train();
  await learner.validate();
  assertEquals(trace.records[0].work, "openValidation");
  assertEquals(replay(trace).at(-1)!.state, "completed");
  await learner.test();
  assertEquals(replay(trace)[0].state, "test.next");
  await assertNoTensorsLeft(async () => {
    const predictions = await learner.predict(learner.dataloaders.test as never);
    (predictions as { dispose(): void }).dispose();
  });
  assertEquals(replay(trace)[0].state, "predict.next");
  assertEquals(replay(trace).at(-1)!.state, "completed");
});

testRun("Trace follows a training that is taken up again, from where it is", async () => {
  const halves = [new Trace(), new Trace()];
  let checkpoint: RunCheckpoint | undefined;
  const first = tinyLearner({
    kind: "scalar",
    sizes: SIZES,
    callbacks: [halves[0], {
      async afterBatch({ epoch, batchIndex }) {
        if (epoch === 1 && batchIndex === 1) checkpoint = await first.checkpoint();
      },
    }],
  }).learner;
  await first.train({ epochs: 2 });
  await tinyLearner({ kind: "scalar", sizes: SIZES, callbacks: [halves[1]] }).learner.train({
    from: checkpoint,
  });
  const [whole, rest] = halves.map((trace) => replay(trace).map(({ state }) => state));
  assert(rest.length > 5 && rest.length < whole.length / 2);
  assertEquals(rest, whole.slice(-rest.length));
});

Deno.test("Trace.save() writes a file that is replayed", {
  ignore: (await Deno.permissions.query({ name: "write" })).state !== "granted" ||
    (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  const { trace } = await traced();
  const folder = await Deno.makeTempDir();
  try {
    await trace.save(`${folder}/runs/one.trace.json`);
    const text = await Deno.readTextFile(`${folder}/runs/one.trace.json`);
    assertEquals(replay(JSON.parse(text)), replay(trace));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Trace refuses a capacity that is no integer above 0", () => {
  for (const capacity of [0, -1, 1.5, NaN]) {
    assertThrows(() => new Trace({ capacity }), RangeError, "capacity must be an integer >= 1");
  }
});
