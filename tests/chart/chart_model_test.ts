import { assert, assertEquals } from "@std/assert";
import { CancelBatch, CancelEpoch, CancelTrain, type HookName } from "../../mod.ts";
import {
  type ChartContext,
  type ChartEvent,
  type Facts,
  learnerMachine,
  type RunKind,
} from "../../src/chart/chart.ts";
import type { TaskName } from "../../src/chart/hooks.ts";
import { type Performer, Pump, type RunOutcome } from "../../src/chart/pump.ts";
import { initialTransition, transition } from "../../src/deps/xstate.ts";
import { getShortestPaths } from "../deps/xstate_graph.ts";
import { checkNesting, type Heard, recorder } from "../fixtures/recorded_hooks.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { within } from "../fixtures/within.ts";

const FACTS = ["more", "loaded", "nextObjective", "validateBatch", "validate", "test"] as const;

/** One `next` for all facts that a guard may read: a state reads few of them. */
const NEXTS: ChartEvent[] = Array.from({ length: 2 ** FACTS.length }, (_, bits) => {
  const { more, ...facts } = Object.fromEntries(
    FACTS.map((fact, place) => [fact, Boolean(bits >> place & 1)]),
  ) as Record<typeof FACTS[number], boolean>;
  return { type: "next" as const, epoch: 0, epochs: more ? 1 : 0, batch: 1, ...facts };
});

const EVENTS: ChartEvent[] = [
  ...NEXTS,
  { type: "train" },
  { type: "validate" },
  { type: "test" },
  { type: "predict" },
  { type: "cancel.batch" },
  { type: "cancel.epoch" },
  { type: "cancel.train" },
  { type: "pause" },
  { type: "resume" },
  { type: "step" },
  { type: "restore" },
  { type: "fail", message: "broken" },
];

const THROWN: Partial<Record<ChartEvent["type"], () => unknown>> = {
  "cancel.batch": () => new CancelBatch(),
  "cancel.epoch": () => new CancelEpoch(),
  "cancel.train": () => new CancelTrain(),
  "fail": () => new Error("broken"),
};

/** Where the machine is, as plain data. */
interface Place {
  value: unknown;
  context: ChartContext;
}

/** Where a path leads, by the pure machine. */
function placeAfter(path: readonly ChartEvent[]): Place {
  let [{ value, context }] = initialTransition(learnerMachine());
  let snapshot = learnerMachine().resolveState({ value, context });
  for (const event of path) [snapshot] = transition(learnerMachine(), snapshot, event);
  ({ value, context } = snapshot);
  return { value, context };
}

/** One way into a state, and every event that matters there. */
interface Walk {
  path: ChartEvent[];
  to: Place;
  accepted: ChartEvent[];
}

/** The shortest way to every state; how many epochs and batches there were tells none apart. */
function walks(): Walk[] {
  const paths = getShortestPaths(learnerMachine(), {
    events: EVENTS,
    limit: 1e6,
    stopWhen: ({ status }) => status !== "active",
    serializeState: ({ value, context: { hold, cancelled, error } }) =>
      JSON.stringify([value, hold, [...cancelled].sort(), error]),
  });
  return paths.map(({ state, steps }) => {
    const path = steps.slice(1).map(({ event }) => event);
    const active = state.status === "active";
    return { path, to: placeAfter(path), accepted: EVENTS.filter((e) => active && state.can(e)) };
  });
}

/** The origin of the last event of a path: at once, from within a piece of work, or thrown by it. */
type Way = "at once" | "called" | "thrown";

/** The result of replaying a path on the real actor and pump. */
interface Replay {
  /** Where the path led, `undefined` where there was no work for the last event to come from. */
  reached: Place | undefined;
  /** Which events were accepted there. */
  accepted: ChartEvent["type"][];
  hooks: HookName[];
  outcome: RunOutcome;
}

const OVER: Facts = {
  epoch: 1,
  epochs: 1,
  batch: 0,
  loaded: false,
  nextObjective: false,
  validateBatch: false,
  validate: false,
  test: false,
};

async function replay(path: readonly ChartEvent[], way: Way): Promise<Replay> {
  const hooks: HookName[] = [];
  let done = 0;
  let reached: Place | undefined;
  let accepted: ChartEvent["type"][] = [];
  let missed = false;

  const upcoming = () => missed ? undefined : path[done];
  const isLast = () => done === path.length - 1;

  /** Lets the last event come from a piece of work. */
  function interrupt(): void {
    const event = upcoming();
    if (!event || event.type === "next" || !isLast() || way === "at once") return;
    const thrown = way === "thrown" && THROWN[event.type]?.();
    if (thrown) throw thrown;
    assert(pump.request(event));
  }

  const performer: Performer<string> = {
    facts() {
      const event = upcoming();
      if (!event) return OVER;
      if (event.type === "next") return event;
      missed = true;
      return OVER;
    },
    perform(task: TaskName) {
      if (task === "compute" || task === "evaluate") pump.runSynchronously("afterPredict");
      interrupt();
    },
    listeners: () => ["the one"],
    call(_, hook) {
      hooks.push(hook);
      interrupt();
    },
    defines: () => true,
    newcomers: () => [],
    setUp() {},
    failed() {},
  };
  const pump = new Pump(performer);

  /** Sends what is to come from outside, as soon as the machine is where it is to come. */
  function steer(): void {
    const event = upcoming();
    const snapshot = pump.actor.getSnapshot();
    if (event && event.type !== "next") {
      if (way === "at once" || !isLast() || snapshot.hasTag("paused")) assert(pump.request(event));
    } else if (!event && snapshot.hasTag("paused")) pump.request({ type: "resume" });
  }

  let started = false;
  pump.actor.subscribe((snapshot) => {
    if (!started) return;
    done++;
    if (done === path.length && !missed) {
      reached = { value: snapshot.value, context: snapshot.context };
      accepted = EVENTS.filter((event) => pump.can(event)).map(({ type }) => type);
    }
    if (snapshot.value !== "idle") steer();
  });
  pump.actor.start();
  started = true;
  while (pump.actor.getSnapshot().value === "idle") {
    const job: RunKind = "train";
    assert(pump.request(upcoming() ?? { type: job }));
  }
  const outcome = await within(2000, `the replay of ${JSON.stringify(path)}`, pump.run());
  return { reached, accepted, hooks, outcome };
}

const WALKS = walks();

for (const way of ["at once", "called", "thrown"] as const) {
  Deno.test(`Pump follows the chart: every event that every state accepts, ${way}`, async () => {
    let replayed = 0;
    for (const { path, accepted } of WALKS) {
      const seen = new Set<string>();
      for (const event of accepted) {
        if (way !== "at once" && event.type === "next") continue;
        if (way === "thrown" && !THROWN[event.type]) continue;
        const whole = [...path, event];
        const place = placeAfter(whole);
        const edge = JSON.stringify([event.type, place]);
        if (seen.has(edge)) continue;
        seen.add(edge);
        const { reached, hooks, outcome } = await replay(whole, way);
        const what = whole.map(({ type }) => type).join(", ");
        checkNesting(hooks);
        assert(["completed", "cancelled", "failed"].includes(outcome.status), what);
        if (way !== "at once" && !reached) continue;
        assertEquals(reached, place, what);
        replayed++;
      }
    }
    assert(replayed > 800, `only ${replayed} were replayed`);
  });
}

Deno.test("Pump.can() accepts in every state what the chart accepts, and nothing else", async () => {
  for (const { path, to, accepted: expected } of WALKS) {
    if (path.length === 0) continue;
    const { reached, accepted } = await replay(path, "at once");
    assertEquals(reached, to);
    assertEquals(accepted, expected.map(({ type }) => type));
  }
});

Deno.test("the context of the chart is plain JSON that counts as the Learner does", async () => {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 3, validation: 2 },
    callbacks: [
      recorder(heard, (hook, learner) => {
        const { context } = learner.actor!.getSnapshot();
        assertEquals(JSON.parse(JSON.stringify(context)), context);
        if (!/^(before|after).*Batch$/.test(hook)) return;
        const { epoch, epochs, batchIndex } = learner;
        const begun = batchIndex + 1;
        const { epoch: atEpoch, epochs: ofEpochs, batch: atBatch } = context;
        assertEquals([atEpoch, ofEpochs, atBatch], [epoch, epochs, begun], hook);
      }),
    ],
  });
  await learner.train({ epochs: 2 });
  assertEquals(heard.filter(({ hook }) => /^after.*Batch$/.test(hook)).length, 10);
});
