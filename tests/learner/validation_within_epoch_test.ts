import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CancelEpoch,
  CancelTrain,
  type HookName,
  type Learner,
  type RunCheckpoint,
} from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { type Heard, inOneLine, recorder } from "../fixtures/recorded_hooks.ts";
import { numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

const B = "beforeBatch afterPredict afterLoss afterBackward beforeStep afterStep afterBatch";
const V = "beforeValidate beforeValidationBatch afterPredict afterLoss afterValidationBatch " +
  "afterValidate";
const E = `beforeEpoch`;

async function sequence(
  options: Record<string, number>,
  sizes: { train: number; validation?: number },
  act: (hook: HookName, learner: Learner) => unknown = () => {},
) {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({ kind: "scalar", sizes, callbacks: [recorder(heard, act)] });
  const result = await learner.train(options);
  return { told: inOneLine(heard), heard, result, learner };
}

Deno.test("Learner.train({ validationBatches }) validates within epochs, counted over all", async () => {
  const { told, heard } = await sequence({ epochs: 2, validationBatches: 3, validationEpochs: 9 }, {
    train: 4,
    validation: 1,
  });
  assertEquals(
    told,
    `beforeTrain ${E} ${B} ${B} ${B} ${V} ${B} afterEpoch ` +
      `${E} ${B} ${B} ${V} ${B} ${B} afterEpoch afterTrain`,
  );
  const indices = heard.filter(({ hook }) => hook === "beforeBatch").map(({ batch }) => batch);
  assertEquals(indices, [0, 1, 2, 3, 0, 1, 2, 3]);
  const phases = heard.map(({ hook, phase }) => [hook, phase].join());
  assert(phases.includes("afterValidate,validate") && phases.includes("afterBatch,train"));
});

Deno.test("Learner.train() does not validate twice without a batch in between", async () => {
  const { told } = await sequence({ epochs: 2, validationBatches: 2 }, { train: 2, validation: 1 });
  const epoch = `${E} ${B} ${B} ${V} afterEpoch`;
  assertEquals(told, `beforeTrain ${epoch} ${epoch} afterTrain`);
});

Deno.test("Learner.train({ validationBatches }) validates after epochs, too", async () => {
  const { told } = await sequence({ validationBatches: 2 }, { train: 3, validation: 1 });
  assertEquals(told, `beforeTrain ${E} ${B} ${B} ${V} ${B} afterEpoch ${V} afterTrain`);
});

Deno.test("Learner.train({ validationBatches }) needs no validation loader", async () => {
  const { told } = await sequence({ validationBatches: 1 }, { train: 2 });
  assertEquals(told, `beforeTrain ${E} ${B} ${B} afterEpoch afterTrain`);
});

const CANCELS: [string, HookName, () => Error, string][] = [
  [
    "CancelEpoch in a batch of it ends that validation only",
    "beforeValidationBatch",
    () => new CancelEpoch(),
    `${B} ${B} beforeValidate beforeValidationBatch afterValidationBatch* onCancelValidate ` +
    `afterValidate* ${B} afterEpoch ${V} afterTrain`,
  ],
  [
    "CancelEpoch in its before hook ends that validation only",
    "beforeValidate",
    () => new CancelEpoch(),
    `${B} ${B} beforeValidate onCancelValidate afterValidate* ${B} afterEpoch ${V} afterTrain`,
  ],
  [
    "CancelEpoch in its after hook changes nothing",
    "afterValidate",
    () => new CancelEpoch(),
    `${B} ${B} ${V} ${B} afterEpoch ${V} afterTrain`,
  ],
  [
    "CancelTrain in a batch of it ends the training, without another validation",
    "beforeValidationBatch",
    () => new CancelTrain("enough"),
    `${B} ${B} beforeValidate beforeValidationBatch afterValidationBatch* afterValidate* ` +
    `afterEpoch* onCancelTrain afterTrain*`,
  ],
  [
    "CancelTrain in its after hook ends the training, without another validation",
    "afterValidate",
    () => new CancelTrain("enough"),
    `${B} ${B} ${V} afterEpoch* onCancelTrain afterTrain*`,
  ],
];

for (const [name, at, error, expected] of CANCELS) {
  Deno.test(`in a validation within an epoch, ${name}`, async () => {
    let once = true;
    const { told, result } = await sequence(
      { validationBatches: 2 },
      { train: 3, validation: 1 },
      (hook) => {
        if (hook !== at || !once) return;
        once = false;
        throw error();
      },
    );
    assertEquals(told, `beforeTrain ${E} ${expected}`);
    const cancelled = expected.endsWith("*");
    assertEquals(result.status, cancelled ? "cancelled" : "completed");
    assertEquals(result.reason, cancelled ? "enough" : undefined);
  });
}

Deno.test("the signal of a validation within an epoch is not that of the epoch", async () => {
  const aborted: string[] = [];
  let first = true;
  await sequence({ validationBatches: 1 }, { train: 2, validation: 1 }, (hook, learner) => {
    if (hook === "beforeEpoch" || hook === "beforeValidate") {
      learner.signal.addEventListener("abort", () => aborted.push(hook));
    }
    if (hook === "beforeValidationBatch" && first) {
      first = false;
      throw new CancelEpoch();
    }
    if (hook === "beforeBatch" && learner.batchIndex === 1) throw new CancelEpoch();
  });
  assertEquals(aborted, ["beforeValidate", "beforeEpoch"]);
});

testTensors("a run resumes bit for bit from every after hook of a validation within", async () => {
  const make = (callbacks: object[]) =>
    tinyLearner({
      kind: "classes",
      sizes: { train: 5, validation: 2 },
      callbacks: callbacks as never,
    });
  const taken: [string, RunCheckpoint, number][] = [];
  const heard: Heard[] = [];
  const take = (hook: HookName, learner: Learner) => {
    if (!/^after.*(Batch|Validate|Epoch)$/.test(hook)) return;
    const { length } = heard;
    return learner.checkpoint().then((from) => taken.push([hook, from, length]));
  };
  const whole = make([recorder(heard, take)]);
  const expected = await whole.learner.train({ epochs: 2, validationBatches: 2 });
  const weights = numbersOf(whole.model);
  whole.dispose();
  assert(taken.filter(([hook]) => hook === "afterValidate").length >= 4);
  for (const [hook, from, place] of taken) {
    const rest: Heard[] = [];
    const resumed = make([recorder(rest)]);
    const result = await resumed.learner.train({ from });
    assertEquals(numbersOf(resumed.model), weights, hook);
    assertEquals(result, expected, hook);
    assertEquals(rest, heard.slice(place), `${hook} at ${place}`);
    resumed.dispose();
  }
});

testTensors("a run that is paused in a validation within an epoch resumes from there", async () => {
  const make = (callbacks: object[]) =>
    tinyLearner({
      kind: "classes",
      sizes: { train: 3, validation: 3 },
      callbacks: callbacks as never,
    });
  const whole = make([]);
  const expected = await whole.learner.train({ validationBatches: 2 });
  const weights = numbersOf(whole.model);
  whole.dispose();
  const paused = make([{
    afterValidationBatch(learner: Learner) {
      if (learner.batchIndex === 1) learner.pause();
    },
  }]);
  const run = paused.learner.train({ validationBatches: 2 });
  while (!paused.learner.actor?.getSnapshot().hasTag("paused")) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const from = await paused.learner.checkpoint();
  paused.learner.cancel("train");
  await run;
  paused.dispose();
  const resumed = make([]);
  assertEquals(await resumed.learner.train({ from }), expected);
  assertEquals(numbersOf(resumed.model), weights);
  resumed.dispose();
});

Deno.test("Learner.train() refuses validationBatches that are no count", async () => {
  for (const validationBatches of [0, 1.5, NaN]) {
    const { learner } = tinyLearner({ kind: "scalar" });
    await assertRejects(
      () => learner.train({ validationBatches }),
      RangeError,
      "Cannot train as validationBatches must be an integer >= 1",
    );
  }
});

Deno.test("Learner.train({ callbacks }) adds callbacks for one run, whatever its end", async () => {
  const seen: string[] = [];
  const { learner } = tinyLearner({ kind: "scalar", sizes: { train: 1 } });
  const own = { beforeTrain: () => void seen.push("own") };
  learner.callbacks.push(own);
  await learner.train({ callbacks: [{ beforeTrain: () => void seen.push("first") }] });
  const failing = {
    afterTrain() {
      seen.push("failing");
      throw new Error("broken");
    },
  };
  await assertRejects(() => learner.train({ callbacks: [failing, own] }), Error, "broken");
  await learner.train();
  assertEquals(seen, ["own", "first", "own", "own", "failing", "own"]);
  assertEquals(learner.callbacks, [own]);
  await assertRejects(
    () => learner.train({ callbacks: [{ afterBatches() {} } as never] }),
    TypeError,
    'did you mean "afterBatch"?',
  );
});
