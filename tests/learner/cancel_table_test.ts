import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { CancelBatch, CancelEpoch, CancelTrain, type HookName, type Model } from "../../mod.ts";
import { HOOK_NAMES } from "../../chart.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { type Heard, inOneLine, recorder } from "../fixtures/recorded_hooks.ts";
import { type AnyLearner, type Sizes, tinyLearner } from "../fixtures/tiny_learner.ts";

const SIZES = { train: 2, validation: 1, test: 1 };
const STEP = "afterPredict afterLoss afterBackward beforeStep afterStep";
const B = `beforeBatch ${STEP} afterBatch`;
const EVALUATE = "afterPredict afterLoss";
const V = `beforeValidate beforeValidationBatch ${EVALUATE} afterValidationBatch afterValidate`;
const T = `beforeTest beforeTestBatch ${EVALUATE} afterTestBatch afterTest`;
const E = `beforeEpoch ${B} ${B} afterEpoch ${V}`;
const EPOCH = `beforeEpoch ${B} ${B} afterEpoch`;

/** The end of a run, and its hooks. */
interface Told {
  sequence: string;
  status: string;
  error?: unknown;
  reason?: string;
  failures: unknown[];
}

type Job = "train" | "validate" | "test";
type Act = (hook: HookName, learner: AnyLearner) => unknown;

async function tell(act: Act, job: Job = "train", sizes: Sizes = SIZES): Promise<Told> {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({ kind: "scalar", sizes, callbacks: [recorder(heard, act)] });
  return await outcomeOf(learner, heard, job);
}

async function outcomeOf(learner: AnyLearner, heard: Heard[], job: Job = "train"): Promise<Told> {
  let end: Pick<Told, "status" | "error" | "reason"> | undefined;
  await assertNoTensorsLeft(async () => {
    end = await learner[job](job === "train" ? { epochs: 2 } : {}).then(
      ({ status, reason }) => ({ status, reason }),
      (error) => ({ status: "failed", error }),
    );
  });
  const failures = learner.failures.map(({ error }) => error);
  return { sequence: inOneLine(heard), ...end!, failures };
}

/** Does something at the first call of a hook, or the first for which `when` holds. */
function once(hook: HookName, act: Act, when: (learner: AnyLearner) => boolean = () => true): Act {
  let done = false;
  return (at, learner) => {
    if (done || at !== hook || !when(learner)) return;
    done = true;
    return act(at, learner);
  };
}

/** The ways to cancel: from inside by a throw, at once or later; from outside during a hook. */
const CANCELS = { CancelBatch, CancelEpoch, CancelTrain };
type CancelName = keyof typeof CANCELS;
const CANCEL_EVENTS = { CancelBatch: "batch", CancelEpoch: "epoch", CancelTrain: "train" } as const;
const WAYS: Record<string, (name: CancelName) => Act> = {
  thrown: (name) => () => {
    throw new CANCELS[name]("enough");
  },
  "thrown later": (name) => async () => {
    await Promise.resolve();
    throw new CANCELS[name]("enough");
  },
  called: (name) => (_, learner) => {
    learner.cancel(CANCEL_EVENTS[name], "enough");
  },
  sent: (name) => (hook, learner) =>
    new Promise<void>((resolve) =>
      setTimeout(() => {
        WAYS.called(name)(hook, learner);
        resolve();
      }, 1)
    ),
};
const SYNCHRONOUS = ["afterPredict", "afterLoss"];

interface Row {
  cancel: CancelName;
  in: HookName;
  /** Which of the calls of the hook. Default: the first. */
  when?: (learner: AnyLearner) => boolean;
  told: string;
  status?: string;
  job?: Job;
}

const inValidation = ({ phase }: AnyLearner) => phase === "validate";
const inTest = ({ phase }: AnyLearner) => phase === "test";

/** All hooks of a part of a run up to one of them. */
function upTo(part: string, hook: string): string {
  const hooks = part.split(" ");
  return hooks.slice(0, hooks.indexOf(hook) + 1).join(" ");
}

const INNER = ["beforeBatch", ...STEP.split(" ")] as HookName[];

const ROWS: Row[] = [
  ...INNER.map((hook): Row => ({
    cancel: "CancelBatch",
    in: hook,
    told: `beforeTrain beforeEpoch ${upTo(B, hook)} onCancelBatch afterBatch* ${B} afterEpoch ` +
      `${V} ${E} afterTrain ${T}`,
  })),
  {
    cancel: "CancelBatch",
    in: "afterBatch",
    told: `beforeTrain ${E} ${E} afterTrain ${T}`,
  },
  ...["beforeValidationBatch", "afterPredict", "afterLoss"].map((hook): Row => ({
    cancel: "CancelBatch",
    in: hook as HookName,
    when: inValidation,
    told: `beforeTrain ${EPOCH} ${upTo(V, hook)} onCancelBatch afterValidationBatch* ` +
      `afterValidate ${E} afterTrain ${T}`,
  })),
  ...["beforeTestBatch", "afterPredict", "afterLoss"].map((hook): Row => ({
    cancel: "CancelBatch",
    in: hook as HookName,
    when: inTest,
    told: `beforeTrain ${E} ${E} afterTrain ${upTo(T, hook)} onCancelBatch afterTestBatch* ` +
      "afterTest",
  })),
  {
    cancel: "CancelEpoch",
    in: "beforeEpoch",
    told: `beforeTrain beforeEpoch onCancelEpoch afterEpoch* ${V} ${E} afterTrain ${T}`,
  },
  ...INNER.map((hook): Row => ({
    cancel: "CancelEpoch",
    in: hook,
    told: `beforeTrain beforeEpoch ${upTo(B, hook)} afterBatch* onCancelEpoch afterEpoch* ` +
      `${V} ${E} afterTrain ${T}`,
  })),
  {
    cancel: "CancelEpoch",
    in: "afterBatch",
    told: `beforeTrain beforeEpoch ${B} onCancelEpoch afterEpoch* ${V} ${E} afterTrain ${T}`,
  },
  {
    cancel: "CancelEpoch",
    in: "afterEpoch",
    told: `beforeTrain ${E} ${E} afterTrain ${T}`,
  },
  {
    cancel: "CancelEpoch",
    in: "beforeValidate",
    told: `beforeTrain ${EPOCH} beforeValidate onCancelValidate afterValidate* ${E} ` +
      `afterTrain ${T}`,
  },
  ...["beforeValidationBatch", "afterPredict", "afterLoss"].map((hook): Row => ({
    cancel: "CancelEpoch",
    in: hook as HookName,
    when: inValidation,
    told: `beforeTrain ${EPOCH} ${upTo(V, hook)} afterValidationBatch* onCancelValidate ` +
      `afterValidate* ${E} afterTrain ${T}`,
  })),
  {
    cancel: "CancelEpoch",
    in: "afterValidate",
    told: `beforeTrain ${E} ${E} afterTrain ${T}`,
  },
  {
    cancel: "CancelEpoch",
    in: "beforeTest",
    told: `beforeTrain ${E} ${E} afterTrain beforeTest onCancelTest afterTest*`,
  },
  {
    cancel: "CancelEpoch",
    in: "beforeTestBatch",
    told: `beforeTrain ${E} ${E} afterTrain beforeTest beforeTestBatch afterTestBatch* ` +
      "onCancelTest afterTest*",
  },
  {
    cancel: "CancelTrain",
    in: "beforeTrain",
    told: `beforeTrain onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "beforeEpoch",
    told: `beforeTrain beforeEpoch afterEpoch* ${V} onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  ...INNER.map((hook): Row => ({
    cancel: "CancelTrain",
    in: hook,
    told: `beforeTrain beforeEpoch ${upTo(B, hook)} afterBatch* afterEpoch* ${V} onCancelTrain ` +
      `afterTrain* ${T}`,
    status: "cancelled",
  })),
  {
    cancel: "CancelTrain",
    in: "afterBatch",
    told: `beforeTrain beforeEpoch ${B} afterEpoch* ${V} onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "afterEpoch",
    told: `beforeTrain ${EPOCH} ${V} onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "beforeValidate",
    told: `beforeTrain ${EPOCH} beforeValidate afterValidate* onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "beforeValidationBatch",
    told: `beforeTrain ${EPOCH} beforeValidate beforeValidationBatch afterValidationBatch* ` +
      `afterValidate* onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "afterValidate",
    told: `beforeTrain ${E} onCancelTrain afterTrain* ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "afterTrain",
    told: `beforeTrain ${E} ${E} afterTrain ${T}`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "beforeTest",
    told: `beforeTrain ${E} ${E} afterTrain beforeTest afterTest*`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "beforeTestBatch",
    told: `beforeTrain ${E} ${E} afterTrain beforeTest beforeTestBatch afterTestBatch* afterTest*`,
    status: "cancelled",
  },
  {
    cancel: "CancelTrain",
    in: "afterTest",
    told: `beforeTrain ${E} ${E} afterTrain ${T}`,
    status: "cancelled",
  },
  {
    job: "validate",
    cancel: "CancelEpoch",
    in: "beforeValidationBatch",
    told: "beforeValidate beforeValidationBatch afterValidationBatch* onCancelValidate " +
      "afterValidate*",
  },
  {
    job: "validate",
    cancel: "CancelTrain",
    in: "beforeValidate",
    told: "beforeValidate afterValidate*",
    status: "cancelled",
  },
  {
    job: "test",
    cancel: "CancelBatch",
    in: "afterLoss",
    told: "beforeTest beforeTestBatch afterPredict afterLoss onCancelBatch afterTestBatch* " +
      "afterTest",
  },
  {
    job: "test",
    cancel: "CancelTrain",
    in: "beforeTestBatch",
    told: "beforeTest beforeTestBatch afterTestBatch* afterTest*",
    status: "cancelled",
  },
];

for (const row of ROWS) {
  const { cancel, in: hook, told, status = "completed", job = "train", when } = row;
  const where = when ? `${hook} of ${when === inTest ? "a test" : "a validation"}` : hook;
  Deno.test(`Learner.${job}() obeys ${cancel} in ${where}`, async () => {
    for (const [way, make] of Object.entries(WAYS)) {
      if (SYNCHRONOUS.includes(hook) && way !== "thrown" && way !== "called") continue;
      const end = await tell(once(hook, make(cancel), when), job);
      assertEquals(end.sequence, told, way);
      assertEquals(end.status, status, way);
      assertEquals(end.reason, status === "cancelled" ? "enough" : undefined, way);
      assertEquals(end.failures, [], way);
    }
  });
}

Deno.test("Learner.train() obeys a cancel that the model or the loss throws", async () => {
  for (const part of ["model", "lossFunction"] as const) {
    const heard: Heard[] = [];
    const { learner } = tinyLearner({ kind: "scalar", sizes: SIZES, callbacks: [recorder(heard)] });
    let thrown = false;
    // deno-lint-ignore no-explicit-any -- of a function of any type
    const throwing = (work: any) => (...inputs: unknown[]) => {
      if (!thrown) {
        thrown = true;
        throw new CancelBatch();
      }
      return work(...inputs);
    };
    const { apply, trainableVariables } = learner.model as Model;
    if (part === "lossFunction") learner.lossFunction = throwing(learner.lossFunction);
    else learner.model = { apply: throwing(apply), trainableVariables };
    const { sequence, status } = await outcomeOf(learner, heard);
    const begun = part === "model" ? "beforeBatch" : "beforeBatch afterPredict";
    assertEquals(
      sequence,
      `beforeTrain beforeEpoch ${begun} onCancelBatch afterBatch* ${B} afterEpoch ${V} ${E} ` +
        `afterTrain ${T}`,
    );
    assertEquals(status, "completed");
  }
});

for (
  const [cancel, hook, told] of [
    ["CancelBatch", "beforeTrain", "beforeTrain afterTrain onError"],
    ["CancelEpoch", "beforeTrain", "beforeTrain afterTrain onError"],
    ["CancelBatch", "beforeEpoch", "beforeTrain beforeEpoch afterEpoch afterTrain onError"],
    [
      "CancelBatch",
      "beforeValidate",
      `beforeTrain ${EPOCH} beforeValidate afterValidate afterTrain onError`,
    ],
    [
      "CancelBatch",
      "beforeTest",
      `beforeTrain ${E} ${E} afterTrain beforeTest afterTest onError`,
    ],
  ] as const
) {
  Deno.test(`Learner.train() fails on ${cancel} in ${hook}, where there is nothing to cancel`, async () => {
    const thrown = new CANCELS[cancel]();
    const end = await tell(once(hook, () => {
      throw thrown;
    }));
    assertEquals(end.sequence, told);
    assertInstanceOf(end.error, RangeError);
    assertStrictEquals(end.error.cause, thrown);
    assertEquals(end.failures, [end.error]);
  });

  Deno.test(`Learner.cancel() refuses ${cancel} during ${hook}`, async () => {
    let accepted: boolean | undefined;
    const end = await tell(once(hook, (_, learner) => {
      accepted = learner.cancel(cancel === "CancelBatch" ? "batch" : "epoch");
    }));
    assertEquals(accepted, false);
    assertEquals(end.sequence, `beforeTrain ${E} ${E} afterTrain ${T}`);
  });
}

/** The sequel of an error in a hook: the after hooks of all open phases, then onError. */
const AFTER_ERROR: Partial<Record<HookName, string>> = {
  beforeTrain: "beforeTrain afterTrain onError",
  beforeEpoch: "beforeTrain beforeEpoch afterEpoch afterTrain onError",
  ...Object.fromEntries(INNER.map((hook) => [
    hook,
    `beforeTrain beforeEpoch ${upTo(B, hook)} afterBatch afterEpoch afterTrain onError`,
  ])),
  afterBatch: `beforeTrain beforeEpoch ${B} afterEpoch afterTrain onError`,
  afterEpoch: `beforeTrain ${EPOCH} afterTrain onError`,
  beforeValidate: `beforeTrain ${EPOCH} beforeValidate afterValidate afterTrain onError`,
  beforeValidationBatch: `beforeTrain ${EPOCH} beforeValidate beforeValidationBatch ` +
    "afterValidationBatch afterValidate afterTrain onError",
  afterValidationBatch: `beforeTrain ${EPOCH} beforeValidate beforeValidationBatch ${EVALUATE} ` +
    "afterValidationBatch afterValidate afterTrain onError",
  afterValidate: `beforeTrain ${EPOCH} ${V} afterTrain onError`,
  afterTrain: `beforeTrain ${E} ${E} afterTrain onError`,
  beforeTest: `beforeTrain ${E} ${E} afterTrain beforeTest afterTest onError`,
  beforeTestBatch: `beforeTrain ${E} ${E} afterTrain beforeTest beforeTestBatch afterTestBatch ` +
    "afterTest onError",
  afterTestBatch: `beforeTrain ${E} ${E} afterTrain ${upTo(T, "afterTestBatch")} afterTest onError`,
  afterTest: `beforeTrain ${E} ${E} afterTrain ${T} onError`,
};

for (const [hook, told] of Object.entries(AFTER_ERROR) as [HookName, string][]) {
  Deno.test(`Learner.train() fails on an error in ${hook}, with the error itself`, async () => {
    for (const later of [false, true]) {
      if (later && SYNCHRONOUS.includes(hook)) continue;
      const error = new Error("broken");
      const end = await tell(once(hook, () => {
        if (later) return Promise.reject(error);
        throw error;
      }));
      assertEquals(end.sequence, told);
      assertStrictEquals(end.error, error);
      assertEquals(end.failures, [error]);
    }
  });
}

/** The hooks that only a cancel reaches: what reaches them, and what follows their error. */
const ON_CANCEL: [HookName, CancelName, HookName, string][] = [
  [
    "onCancelBatch",
    "CancelBatch",
    "beforeBatch",
    "beforeTrain beforeEpoch beforeBatch onCancelBatch afterBatch* afterEpoch afterTrain onError",
  ],
  [
    "onCancelEpoch",
    "CancelEpoch",
    "beforeEpoch",
    "beforeTrain beforeEpoch onCancelEpoch afterEpoch* afterTrain onError",
  ],
  [
    "onCancelValidate",
    "CancelEpoch",
    "beforeValidate",
    `beforeTrain ${EPOCH} beforeValidate onCancelValidate afterValidate* afterTrain onError`,
  ],
  [
    "onCancelTest",
    "CancelEpoch",
    "beforeTest",
    `beforeTrain ${E} ${E} afterTrain beforeTest onCancelTest afterTest* onError`,
  ],
  [
    "onCancelTrain",
    "CancelTrain",
    "beforeTrain",
    "beforeTrain onCancelTrain afterTrain* onError",
  ],
];

for (const [hook, cancel, reachedBy, told] of ON_CANCEL) {
  const error = new Error("broken");
  const cancelling = () => once(reachedBy, WAYS.thrown(cancel));
  Deno.test(`Learner.train() fails on an error in ${hook}, with the error itself`, async () => {
    const reach = cancelling();
    const end = await tell((at, learner) => {
      reach(at, learner);
      if (at === hook) throw error;
    });
    assertEquals(end.sequence, told);
    assertStrictEquals(end.error, error);
  });

  Deno.test(`Learner.train() ignores ${cancel} in ${hook}, which it has led to`, async () => {
    const usual = await tell(cancelling());
    const reach = cancelling();
    const end = await tell((at, learner) => {
      reach(at, learner);
      if (at !== hook) return;
      assertEquals(learner.can(`cancel.${CANCEL_EVENTS[cancel]}`), false);
      throw new CANCELS[cancel]();
    });
    assertEquals(end.sequence, usual.sequence);
    assertEquals(end.status, usual.status);
  });
}

Deno.test("Learner.train() tells an error in onError, and rejects with the first", async () => {
  const first = new Error("first"), second = new Error("second");
  const end = await tell((hook) => {
    if (hook === "beforeEpoch") throw first;
    if (hook === "onError") throw second;
  });
  assertEquals(end.sequence, "beforeTrain beforeEpoch afterEpoch afterTrain onError");
  assertStrictEquals(end.error, first);
  assertEquals(end.failures, [first, second]);
});

Deno.test("Learner.failures holds what every hook threw on the way out, the first first", async () => {
  const thrown = new Map<HookName, Error>();
  const end = await tell((hook) => {
    if (hook !== "beforeStep" && !/^(after(Batch|Epoch|Train)|onError)$/.test(hook)) return;
    thrown.set(hook, new Error(hook));
    throw thrown.get(hook);
  });
  assertEquals([...thrown.keys()], [
    "beforeStep",
    "afterBatch",
    "afterEpoch",
    "afterTrain",
    "onError",
  ]);
  assertStrictEquals(end.error, thrown.get("beforeStep"));
  assertEquals(end.failures, [...thrown.values()]);
});

Deno.test("Learner.failures names hook, callback, epoch and batch", async () => {
  const heard: Heard[] = [];
  const failing = once("afterBackward", () => {
    throw new Error("broken");
  }, ({ epoch, batchIndex }) => epoch === 1 && batchIndex === 1);
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: SIZES,
    callbacks: [recorder(heard, failing, { id: 7 })],
  });
  await outcomeOf(learner, heard);
  const [{ during, callback, epoch, batch }] = learner.failures;
  assertEquals({ during, callback, epoch, batch }, {
    during: "afterBackward",
    callback: "recorder 7",
    epoch: 1,
    batch: 1,
  });
});

/** Two callbacks that throw in the same hook, and which of them decides. */
Deno.test("Learner.train() obeys the strongest of what after hooks throw: error > train > epoch > batch", async () => {
  const error = new Error("broken");
  const things = [new CancelBatch(), new CancelEpoch(), new CancelTrain(), error];
  const begun = `beforeTrain beforeEpoch ${B}`;
  const leads = [
    `beforeTrain ${E} ${E} afterTrain ${T}`,
    `${begun} onCancelEpoch afterEpoch* ${V} ${E} afterTrain ${T}`,
    `${begun} afterEpoch* ${V} onCancelTrain afterTrain* ${T}`,
    `${begun} afterEpoch afterTrain onError`,
  ];
  for (const [i, one] of things.entries()) {
    for (const [j, other] of things.entries()) {
      const heard: Heard[] = [], unheard: Heard[] = [];
      const throwing = (thing: unknown) =>
        once("afterBatch", () => {
          throw thing;
        });
      const { learner } = tinyLearner({
        kind: "scalar",
        sizes: SIZES,
        callbacks: [
          recorder(heard, throwing(one)),
          recorder(unheard, throwing(other), { id: 1 }),
        ],
      });
      const end = await outcomeOf(learner, heard);
      const name = `${one.constructor.name}, then ${other.constructor.name}`;
      assertEquals(end.sequence, leads[Math.max(i, j)], name);
      assertEquals(inOneLine(unheard), end.sequence, "both are called all the way");
      assertStrictEquals(end.error, i === 3 || j === 3 ? error : undefined);
    }
  }
});

Deno.test("Learner.train() stops a before hook at the first throw, and no other callback of it is called", async () => {
  for (const hook of ["beforeTrain", "beforeEpoch", "beforeBatch", "afterLoss", "afterStep"]) {
    const first: Heard[] = [], second: Heard[] = [];
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 2 },
      callbacks: [
        recorder(first, once(hook as HookName, WAYS.thrown("CancelTrain"))),
        recorder(second, () => {}, { id: 1 }),
      ],
    });
    await outcomeOf(learner, first);
    assert(first.some((call) => call.hook === hook));
    assert(!second.some((call) => call.hook === hook), hook);
    const rest = inOneLine(first).split(" ").filter((word) => word !== hook).join(" ");
    assertEquals(inOneLine(second), rest);
  }
});

Deno.test("Learner.cancelled holds a phase from its cancel until it is entered again", async () => {
  const heard: Heard[] = [];
  const cancelled: string[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2, validation: 1 },
    callbacks: [
      recorder(heard, once("beforeBatch", WAYS.thrown("CancelEpoch"))),
    ],
  });
  await outcomeOf(learner, heard);
  for (const call of heard) {
    if (["beforeEpoch", "beforeBatch"].includes(call.hook) && call.epoch === 0) {
      assertEquals(call.cancelled, []);
    }
    cancelled.push(`${call.hook} ${call.cancelled.join("+")}`.trim());
  }
  assertEquals(cancelled.slice(0, 14), [
    "beforeTrain",
    "beforeEpoch",
    "beforeBatch",
    "afterBatch batch+epoch",
    "onCancelEpoch batch+epoch",
    "afterEpoch batch+epoch",
    "beforeValidate batch+epoch",
    "beforeValidationBatch epoch",
    "afterPredict epoch",
    "afterLoss epoch",
    "afterValidationBatch epoch",
    "afterValidate epoch",
    "beforeEpoch",
    "beforeBatch",
  ]);
});

for (
  const [sizes, told] of [
    [{ train: 2 }, `beforeTrain ${EPOCH} ${EPOCH} afterTrain`],
    [{ train: 2, validation: 1 }, `beforeTrain ${E} ${E} afterTrain`],
    [{ train: 2, test: 1 }, `beforeTrain ${EPOCH} ${EPOCH} afterTrain ${T}`],
    [SIZES, `beforeTrain ${E} ${E} afterTrain ${T}`],
  ] as [Sizes, string][]
) {
  Deno.test(`Learner.train() runs through with the loaders ${Object.keys(sizes)}`, async () => {
    const end = await tell(() => {}, "train", sizes);
    assertEquals(end.sequence, told);
    assertEquals(end.status, "completed");
  });
}

Deno.test("Learner.train() validates after every validationEpochs-th epoch", async () => {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2, validation: 1 },
    callbacks: [recorder(heard)],
  });
  await learner.train({ epochs: 3, validationEpochs: 2 });
  assertEquals(inOneLine(heard), `beforeTrain ${EPOCH} ${E} ${EPOCH} afterTrain`);
});

Deno.test("Learner.validate() and test() run alone, without the hooks of a training", async () => {
  assertEquals((await tell(() => {}, "validate")).sequence, V);
  assertEquals((await tell(() => {}, "test")).sequence, T);
});

Deno.test("Learner.validate() and test() fail with the error itself", async () => {
  const error = new Error("broken");
  for (
    const [job, hook, told] of [
      ["validate", "beforeValidate", "beforeValidate afterValidate onError"],
      [
        "validate",
        "afterLoss",
        `${upTo(V, "afterLoss")} afterValidationBatch afterValidate onError`,
      ],
      ["test", "afterTest", `${T} onError`],
    ] as const
  ) {
    const end = await tell(
      once(hook, () => {
        throw error;
      }),
      job,
    );
    assertEquals(end.sequence, told);
    assertStrictEquals(end.error, error);
  }
});

Deno.test("HOOK_NAMES are all heard in these tests", async () => {
  const all = new Set<string>();
  const note = (told: Told) =>
    told.sequence.split(" ").forEach((word) => all.add(word.replace("*", "")));
  for (const { cancel, in: hook, when } of ROWS) {
    note(await tell(once(hook, WAYS.thrown(cancel), when)));
  }
  note(await tell(once("beforeTrain", () => Promise.reject(new Error("broken")))));
  assertEquals([...all].sort(), [...HOOK_NAMES].sort());
});
