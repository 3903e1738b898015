import { assert, assertEquals } from "@std/assert";
import { CancelBatch, CancelEpoch, CancelTrain, type HookName, tf } from "../../mod.ts";
import { keyedRandom } from "../../data.ts";
import { HOOK_NAMES } from "../../chart.ts";
import { learnerMachine } from "../../src/chart/chart.ts";
import { type Deed, oracle, type Plan, type Told } from "./oracle.ts";
import { type Heard, recorder } from "../fixtures/recorded_hooks.ts";
import { tinyBatch, tinyLearner, tinyLoader } from "../fixtures/tiny_learner.ts";
import { within } from "../fixtures/within.ts";

const RUNS = 2000;

const SYNCHRONOUS: readonly HookName[] = ["afterPredict", "afterLoss"];

type Draw = <T>(choices: readonly T[]) => T;

function drawer(...key: number[]): Draw {
  const random = keyedRandom(...key as [number]);
  return (choices) => choices[Math.floor(random() * choices.length)];
}

/** The plan that a seed stands for. */
function planOf(seed: number): Plan {
  const draw = drawer(seed);
  const rate = draw([0, 0.01, 0.03, 0.1, 0.3]);
  const waiting = draw([0, 0.2, 0.5]);
  const job = draw(["train", "train", "train", "train", "train", "validate", "test"] as const);
  const deeds = new Map<number, Deed>();
  return {
    job,
    epochs: draw([1, 2, 2, 3]),
    validationEpochs: draw([1, 1, 2, 3]),
    validationBatches: draw([undefined, undefined, 1, 2, 3]),
    objectives: draw([[1], [1], [1, 1], [2, 1], [1, 3]]),
    train: draw([1, 2, 3]),
    validation: job === "validate" ? 2 : draw([undefined, 1, 2]),
    test: job === "test" ? 2 : draw([undefined, 1, 2]),
    priorities: draw([[0], [0, 0], [1, 0], [3, -1, 3], [0, 2, 1, 0]]),
    // Each call draws its own numbers, so that the order of the questions does not matter.
    deed(_, hook, call) {
      if (!deeds.has(call)) deeds.set(call, deedAt(hook, drawer(seed, call), rate, waiting));
      return deeds.get(call)!;
    },
  };
}

function deedAt(hook: HookName, draw: Draw, rate: number, waiting: number): Deed {
  const chance = (probability: number) => draw([...Array(100).keys()]) < probability * 100;
  const waits = SYNCHRONOUS.includes(hook) || !chance(waiting)
    ? "not"
    : draw([...Array(30).fill("a moment"), "a while"] as const);
  // Fewer hooks see a cancel, so those do more.
  if (!chance(hook.startsWith("on") ? 3 * rate : rate)) return { waits };
  return draw<() => Deed>([
    () => ({ waits, throws: new CancelBatch() }),
    () => ({ waits, throws: new CancelBatch() }),
    () => ({ waits, throws: new CancelEpoch() }),
    () => ({ waits, throws: new CancelEpoch() }),
    () => ({ waits, throws: new CancelTrain() }),
    () => ({ waits, throws: new Error("broken") }),
    () => ({ waits, asks: draw(["batch", "epoch", "train"] as const) }),
    () => ({ waits, asks: draw(["batch", "epoch", "train"] as const) }),
    () => ({
      waits,
      asks: draw(["batch", "epoch"] as const),
      throws: draw([new Error("broken"), new CancelBatch(), new CancelEpoch(), new CancelTrain()]),
    }),
  ])();
}

/** Does as a plan says, on a real Learner. */
async function perform(plan: Plan, draw: Draw): Promise<Told> {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    callbacks: plan.priorities.map((priority, id) =>
      recorder(heard, (hook, learner) => {
        const call = heard.length - 1;
        const { asks, throws, waits } = plan.deed(id, hook, call);
        const act = () => {
          if (asks) learner.cancel(asks);
          if (throws !== undefined) throw throws;
        };
        if (waits === "a moment") return Promise.resolve().then(act);
        if (waits === "a while") return new Promise((go) => setTimeout(go, 0)).then(act);
        act();
      }, { id, priority })
    ),
  });
  const made: tf.Tensor[] = [];
  const loader = (count: number | undefined) => {
    if (count === undefined) return;
    return draw([
      () => tinyLoader(count),
      () => tinyLoader(count),
      () => {
        const batches = Array.from({ length: count }, tinyBatch);
        made.push(...batches.flat());
        return batches;
      },
      () =>
        async function* () {
          yield* tinyLoader(count)();
        },
    ])();
  };
  const { job, epochs, validationEpochs, validationBatches, train, validation, test } = plan;
  if (plan.objectives.length > 1) {
    const { model: variables, optimizer, lossFunction: loss } = learner;
    learner.objectives = Object.fromEntries(
      plan.objectives.map((every, index) => [`${index}`, { variables, optimizer, loss, every }]),
    );
  }
  learner.dataloaders = Object.fromEntries(
    Object.entries({
      train: loader(job === "train" ? train : undefined),
      validation: loader(validation),
      test: loader(test),
    }).filter(([, loader]) => loader),
  );
  const before = tf.memory().numTensors;
  const end = await learner[job](
    job === "train" ? { epochs, validationEpochs, validationBatches } : {},
  ).then(
    ({ status }) => ({ status }),
    (error) => ({ status: "failed" as const, error }),
  );
  assertEquals(tf.memory().numTensors, before, "tensors are left");
  tf.dispose(made);
  const thrown = learner.failures.map(({ error }) => error);
  if ("error" in end) assert(end.error === thrown[0], "train() rejects with another error");
  const failures = thrown.map((error) => error instanceof RangeError ? error.cause : error);
  return { heard, status: end.status, failures, epochs: learner.epoch };
}

/** The differences of oracle and Learner, in words; `undefined` without differences. */
async function differenceOf(seed: number): Promise<string | undefined> {
  const plan = planOf(seed);
  const expected = oracle(plan);
  let actual: Told;
  try {
    actual = await within(20_000, "the run", perform(plan, drawer(seed, 0, 1)));
  } catch (error) {
    return `seed ${seed}: ${error}`;
  }
  const same = JSON.stringify(expected.heard) === JSON.stringify(actual.heard) &&
    expected.status === actual.status && expected.epochs === actual.epochs &&
    expected.failures.length === actual.failures.length &&
    expected.failures.every((failure, index) => failure === actual.failures[index]);
  if (same) return;
  const line = (call: Heard | undefined) => JSON.stringify(call);
  const at = expected.heard.findIndex((call, index) => line(call) !== line(actual.heard[index]));
  const deeds = actual.heard.slice(0, at < 0 ? undefined : at).flatMap(
    ({ hook, callback }, call) => {
      const { asks, throws } = plan.deed(callback, hook, call);
      return asks || throws ? [`${hook} of ${callback}: ${asks ?? ""} ${throws ?? ""}`] : [];
    },
  );
  return [
    `seed ${seed}: expected ${expected.status} after ${expected.epochs} epochs, ` +
    `got ${actual.status} after ${actual.epochs}`,
    `failures: expected ${expected.failures}, got ${actual.failures}`,
    `first difference at call ${at}: expected ${line(expected.heard[at])}, ` +
    `got ${line(actual.heard[at < 0 ? expected.heard.length : at])}`,
    `before: ${actual.heard.slice(0, at < 0 ? undefined : at).map(({ hook }) => hook).join(" ")}`,
    `deeds: ${deeds.join("; ")}`,
  ].join("\n");
}

Deno.test(`Learner agrees with the oracle in ${RUNS} random runs`, async () => {
  for (let seed = 0; seed < RUNS; seed++) {
    const difference = await differenceOf(seed);
    assertEquals(difference, undefined, difference);
  }
});

Deno.test("the random runs reach every hook, every end and every kind of cancel", () => {
  const reached = new Set<string>();
  for (let seed = 0; seed < RUNS; seed++) {
    const plan = planOf(seed);
    const { heard, status } = oracle(plan);
    reached.add(status);
    for (const { hook, cancelled } of heard) {
      reached.add(hook);
      for (const phase of cancelled) reached.add(`${phase} cut short`);
    }
  }
  const expected = [
    ...HOOK_NAMES,
    ...["completed", "cancelled", "failed"],
    ...["batch", "epoch", "validate", "test", "train"].map((phase) => `${phase} cut short`),
  ];
  assertEquals([...reached].sort(), expected.sort());
});

/** A chart that is wrong in one way. */
// deno-lint-ignore no-explicit-any -- states by their names, as the chart has them
type Mutation = (train: any) => void;

const MUTATIONS: Record<string, Mutation> = {
  "without afterEpoch": ({ epoch }) => epoch.exit = ["closeLoader"],
  "without onCancelEpoch": ({ epoch }) => epoch.on["cancel.epoch"].target = ".done",
  "without a validation after a cancelled training": ({ epoch }) => {
    for (const { on } of [epoch, epoch.states.batch]) {
      on["cancel.train"].target = "#learner.train.next";
    }
  },
  "that does not mark a cancelled batch": ({ epoch }) =>
    epoch.states.batch.on["cancel.batch"].actions = ["drop"],
  "that does not drop what is queued": ({ validate }) =>
    validate.states.batch.on["cancel.epoch"].actions.shift(),
  "that does not forget a cancel": ({ epoch }) => epoch.entry.shift(),
  "that cancels a cancelled epoch": ({ epoch }) => delete epoch.states.cancelled.on["cancel.epoch"],
  "that counts an epoch that was cut short": ({ epochEnd }) => epochEnd.on.next.splice(1, 1),
  "that enters a batch together with its epoch": ({ epoch }) => epoch.initial = "batch",
};

/** Every run makes its machine of the one configuration, which is another one meanwhile. */
async function whileMutated<T>(mutation: Mutation, work: () => Promise<T>): Promise<T> {
  const { config } = learnerMachine();
  const original = config.states!;
  const states = structuredClone(original);
  mutation(states.train.states);
  try {
    Object.assign(config, { states });
    return await work();
  } finally {
    Object.assign(config, { states: original });
  }
}

for (const [name, mutation] of Object.entries(MUTATIONS)) {
  Deno.test(`the oracle does not agree with a chart ${name}`, async () => {
    const difference = await whileMutated(mutation, async () => {
      for (let seed = 0; seed < RUNS; seed++) {
        const difference = await differenceOf(seed);
        if (difference) return difference;
      }
    });
    assert(difference, "no run is different");
    assertEquals(await differenceOf(Number(difference.match(/\d+/))), undefined);
  });
}
