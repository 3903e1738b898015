import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type CallbackLike, CancelTrain, type RunCheckpoint } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { type AnyLearner, tinyLearner } from "../fixtures/tiny_learner.ts";

const HOOKS = [
  ...["beforeTrain", "beforeEpoch", "beforeBatch", "afterStep", "afterBatch", "afterEpoch"],
  ...["beforeValidate", "afterValidate", "afterTrain", "beforeTest", "afterTest", "onError"],
];

/** Records its set-up, its hooks and the return of its changes; acts in them. */
function recording(
  name: string,
  calls: string[],
  { priority = 0, waits = false, ...acts }: Record<string, unknown> = {},
): CallbackLike {
  const act = (what: string, learner: AnyLearner) => {
    calls.push(`${name} ${what}`);
    (acts[what] as ((learner: AnyLearner) => void) | undefined)?.(learner);
  };
  return {
    name,
    priority: priority as number,
    setUp(learner) {
      act("setUp", learner);
      const putBack = () => act("putBack", learner);
      return waits ? Promise.resolve(putBack) : putBack;
    },
    ...Object.fromEntries(HOOKS.map((hook) => [hook, (learner: AnyLearner) => act(hook, learner)])),
  };
}

const learnerOf = (callbacks: CallbackLike[]) =>
  tinyLearner({ kind: "scalar", sizes: { train: 1, validation: 1, test: 1 }, callbacks }).learner;

const fail = () => {
  throw new Error("a test");
};

for (const waits of [false, true]) {
  const when = waits ? "asynchronously" : "synchronously";
  testTensors(
    `Learner sets callbacks up before all hooks, ${when}, and puts back last first`,
    async () => {
      const calls: string[] = [];
      const learner = learnerOf([
        recording("b", calls, { priority: 1, waits }),
        recording("a", calls, { priority: 0, waits }),
        recording("c", calls, { priority: 1, waits }),
      ]);
      for (const kind of ["train", "validate", "test"] as const) {
        calls.length = 0;
        await learner[kind]();
        const first = kind === "train"
          ? "beforeTrain"
          : `before${kind === "test" ? "Test" : "Validate"}`;
        assertEquals(calls.slice(0, 4), ["a setUp", "b setUp", "c setUp", `a ${first}`], kind);
        assertEquals(calls.slice(-3), ["c putBack", "b putBack", "a putBack"], kind);
      }
    },
  );
}

for (
  const [end, act] of [
    ["an error in setUp", { setUp: fail }],
    ["an error in beforeTrain", { beforeTrain: fail }],
    ["an error in a batch", { beforeBatch: fail }],
    ["an error in afterTrain", { afterTrain: fail }],
    ["a cancel in beforeTrain", {
      beforeTrain() {
        throw new CancelTrain("a test");
      },
    }],
    ["a cancel in setUp", {
      setUp() {
        throw new CancelTrain("a test");
      },
    }],
  ] as const
) {
  testTensors(`Learner puts back what was set up after ${end}`, async () => {
    const calls: string[] = [];
    const learner = learnerOf([
      recording("a", calls),
      recording("b", calls, act),
      recording("c", calls),
    ]);
    const { status } = await learner.train().catch((error: Error) => {
      assertEquals(error.message, "a test");
      return { status: "failed" };
    });
    assertEquals(status, end.startsWith("an error") ? "failed" : "cancelled");
    const setUp = calls.filter((call) => call.endsWith("setUp")).map(([name]) => name);
    // A callback that throws in setUp has nothing to put back.
    const threw = "setUp" in act;
    assertEquals(setUp, threw ? ["a", "b"] : ["a", "b", "c"]);
    const back = calls.filter((call) => call.endsWith("putBack")).map(([name]) => name);
    assertEquals(back, threw ? ["a"] : ["c", "b", "a"]);
    if (threw) assertEquals(calls.includes("a beforeTrain"), false);
    if (end === "an error in setUp") {
      assertEquals(learner.failures.map(({ during, callback }) => `${callback} ${during}`), [
        "b setUp",
      ]);
      assertEquals(calls.includes("a onError"), true);
    }
  });
}

testTensors("Learner puts the rest back when a callback cannot, and train() rejects", async () => {
  const calls: string[] = [];
  const learner = learnerOf([recording("a", calls), recording("b", calls, { putBack: fail })]);
  await assertRejects(() => learner.train(), Error, "a test");
  assertEquals(calls.slice(-2), ["b putBack", "a putBack"]);
  assertEquals(learner.failures.map(({ during, callback }) => `${callback} ${during}`), [
    "b putBack",
  ]);
  assertEquals(learner.phase, "idle");
});

const ADDED: Record<string, string[]> = {
  beforeTrain: ["setUp", "beforeTrain", "beforeEpoch", "beforeBatch"],
  beforeEpoch: ["setUp", "beforeTrain", "beforeEpoch", "beforeBatch"],
  beforeBatch: ["setUp", "beforeTrain", "beforeEpoch", "afterStep"],
  afterBatch: ["setUp", "beforeTrain", "beforeEpoch", "afterEpoch"],
  afterEpoch: ["setUp", "beforeTrain", "beforeValidate", "afterValidate"],
  beforeValidate: ["setUp", "beforeTrain", "beforeValidate", "afterValidate"],
  afterValidate: ["setUp", "beforeTrain", "afterTrain", "beforeTest"],
  afterTrain: ["setUp", "beforeTest", "afterTest", "putBack"],
  beforeTest: ["setUp", "beforeTest", "afterTest", "putBack"],
};

for (const [hook, expected] of Object.entries(ADDED)) {
  testTensors(
    `a callback added in ${hook} sets up, and gets the before hooks of open phases`,
    async () => {
      const calls: string[] = [];
      const late = recording("late", calls);
      const learner = learnerOf([
        recording("first", []),
        { [hook]: ({ callbacks }: AnyLearner) => void callbacks.push(late) },
      ]);
      await learner.train();
      assertEquals(calls.slice(0, 4), expected.map((what) => `late ${what}`));
      assertEquals(calls.at(-1), "late putBack");
      calls.length = 0;
      learner.callbacks = [late];
      await learner.train();
      assertEquals(calls.slice(0, 2), ["late setUp", "late beforeTrain"]);
    },
  );
}

testTensors("a resumed run sets callbacks up after restore, without beforeTrain", async () => {
  let from: RunCheckpoint | undefined;
  const whole = learnerOf([{
    name: "Stateful",
    state: () => ({}),
    async afterBatch(learner) {
      from = await learner.checkpoint();
    },
  }]);
  await whole.train();
  const calls: string[] = [];
  const learner = learnerOf([{
    ...recording("Stateful", calls),
    state: () => ({}),
    restore: () => void calls.push("Stateful restore"),
  }]);
  await learner.train({ from });
  assertEquals(
    calls.slice(0, 3),
    ["restore", "setUp", "afterEpoch"].map((what) => `Stateful ${what}`),
  );
  assertEquals(calls.at(-1), "Stateful putBack");
});

testTensors("a callback that is twice in one list is refused, before any work", async () => {
  const calls: string[] = [];
  const callback = recording("Twice", calls);
  const message = "Cannot add callback Twice as each callback must be listed once";
  assertThrows(() => learnerOf([callback, callback]), TypeError, message);
  const learner = learnerOf([]);
  const callbacks = [callback, callback];
  await assertRejects(() => learner.train({ callbacks }), TypeError, message);
  assertEquals(calls, []);
});

testTensors("a callback that is added again runs twice from then on", async () => {
  const calls: string[] = [];
  const callback = recording("Twice", calls);
  const learner = learnerOf([callback, {
    beforeBatch: ({ callbacks }) => void callbacks.push(callback),
  }]);
  await learner.train();
  const count = (hook: string) => calls.filter((call) => call === `Twice ${hook}`).length;
  assertEquals(["setUp", "beforeTrain", "afterStep", "afterTrain"].map(count), [1, 1, 2, 2]);
});

testTensors("the changes of a callback that is removed are put back after the run", async () => {
  const calls: string[] = [];
  const removed = recording("removed", calls);
  const learner = learnerOf([removed, recording("kept", calls), {
    beforeEpoch({ callbacks }) {
      callbacks.splice(callbacks.indexOf(removed), 1);
    },
  }]);
  await learner.train();
  assertEquals(calls.slice(-2), ["kept putBack", "removed putBack"]);
});
