import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { HookName, tf, TrainResult } from "../../mod.ts";
import { keyedRandom } from "../../data.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { checkNesting, type Heard, inOneLine, recorder } from "../fixtures/recorded_hooks.ts";
import { type AnyLearner, type Sizes, tinyBatch, tinyLearner } from "../fixtures/tiny_learner.ts";
import { until, within } from "../fixtures/within.ts";

const RUNS = 400;
const LIMIT = 10_000;
const STEP = "afterPredict afterLoss afterBackward beforeStep afterStep";
const B = `beforeBatch ${STEP} afterBatch`;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Steers a run at random until it is over. */
async function steerAtRandom(learner: AnyLearner, random: () => number, over: () => boolean) {
  const acts = [
    () => learner.pause(),
    () => learner.resume(),
    () => learner.step(),
    () => learner.step(),
    () => learner.cancel("batch"),
    () => learner.cancel("batch"),
    () => learner.cancel("epoch"),
    () => learner.cancel("train"),
  ];
  for (let left = 12; left > 0 && !over(); left--) {
    await wait(random() * 6);
    acts[Math.floor(random() ** 1.3 * acts.length)]();
  }
  while (!over()) {
    learner.resume();
    await wait(2);
  }
}

async function randomRun(seed: number): Promise<void> {
  const random = keyedRandom(seed);
  const heard: Heard[] = [];
  let running = 0;
  const act = (hook: HookName) => {
    assertEquals(running, 0, `seed ${seed}: ${hook} began while another hook ran`);
    if (hook === "afterPredict" || hook === "afterLoss" || random() < 0.5) return;
    running++;
    return wait(Math.floor(random() * 3)).then(() => void running--);
  };
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2, validation: 1, test: 1 },
    callbacks: [
      recorder(heard, act),
      recorder([], act, { id: 1 }),
    ],
  });
  let over = false;
  const run = learner.train({ epochs: 2 }).finally(() => over = true);
  const [{ status }] = await Promise.all([run, steerAtRandom(learner, random, () => over)]);
  assert(["completed", "cancelled"].includes(status), `seed ${seed}`);
  assertEquals(learner.actor!.getSnapshot().value, status);
  assertEquals(learner.actor!.getSnapshot().status, "done");
  checkNesting(heard.map(({ hook }) => hook));
}

Deno.test(`Learner stays in order in ${RUNS} runs that are steered at random`, async () => {
  await assertNoTensorsLeft(async () => {
    for (let first = 0; first < RUNS; first += 50) {
      const seeds = Array.from({ length: 50 }, (_, index) => first + index);
      await Promise.all(
        seeds.map((seed) => within(LIMIT, `the run of seed ${seed}`, randomRun(seed))),
      );
    }
  });
});

/** A training that is paused before its first batch, and its hooks from then on. */
async function held(sizes: Sizes = { train: 3 }): Promise<{
  learner: AnyLearner;
  heard: Heard[];
  run: Promise<TrainResult>;
}> {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({ kind: "scalar", sizes, callbacks: [recorder(heard)] });
  const run = learner.train({ epochs: 2 });
  assert(learner.pause());
  await paused(learner);
  assertEquals(inOneLine(heard), "beforeTrain beforeEpoch");
  heard.length = 0;
  return { learner, heard, run };
}

async function paused(learner: AnyLearner): Promise<void> {
  const waiting = async () => {
    while (!learner.actor!.getSnapshot().hasTag("paused")) await wait(0);
  };
  await within(LIMIT, "the pause", waiting());
}

Deno.test("Learner.step() runs exactly one batch, in whatever pass it is", async () => {
  const { learner, heard, run } = await held({ train: 2, validation: 1, test: 1 });
  const end = `beforeBatch ${STEP} afterBatch afterEpoch`;
  const validation = "beforeValidationBatch afterPredict afterLoss afterValidationBatch";
  for (
    const hooks of [
      B,
      `${end} beforeValidate`,
      `${validation} afterValidate beforeEpoch`,
      B,
      `${end} beforeValidate`,
      `${validation} afterValidate afterTrain beforeTest`,
    ]
  ) {
    assert(learner.step());
    await wait(0);
    await paused(learner);
    assertEquals(inOneLine(heard), hooks);
    heard.length = 0;
  }
  assert(learner.resume());
  assertEquals((await run).status, "completed");
});

Deno.test("Learner.pause() and resume() run no hook twice and leave none out", async () => {
  const { learner, heard, run } = await held({ train: 1 });
  assertEquals([learner.can("pause"), learner.can("resume"), learner.can("step")], [
    false,
    true,
    true,
  ]);
  await wait(10);
  assertEquals(heard, []);
  assert(learner.resume());
  assertEquals(learner.can("resume"), false);
  await run;
  assertEquals(inOneLine(heard), `${B} afterEpoch beforeEpoch ${B} afterEpoch afterTrain`);
});

Deno.test("Learner.cancel('batch') is refused while paused: there is no batch", async () => {
  const { learner, heard, run } = await held();
  const place = learner.actor!.getSnapshot();
  assertEquals(learner.can("cancel.batch"), false);
  assertEquals(learner.cancel("batch"), false);
  assertStrictEquals(learner.actor!.getSnapshot(), place);
  assertEquals(heard, []);
  learner.cancel("train");
  await run;
});

Deno.test("Learner.cancel('epoch') while paused ends the epoch, and the next is paused", async () => {
  const { learner, heard, run } = await held({ train: 2, validation: 1 });
  assert(learner.cancel("epoch"));
  await wait(0);
  await paused(learner);
  assertEquals(inOneLine(heard), "onCancelEpoch afterEpoch* beforeValidate");
  heard.length = 0;
  assert(learner.cancel("epoch"));
  await wait(0);
  await paused(learner);
  assertEquals(inOneLine(heard), "onCancelValidate afterValidate* beforeEpoch");
  learner.resume();
  assertEquals((await run).status, "completed");
});

Deno.test("Learner.cancel('train') while paused ends the training without another pause", async () => {
  const { learner, heard, run } = await held({ train: 2, validation: 1, test: 1 });
  assert(learner.cancel("train"));
  const { status } = await run;
  assertEquals(
    inOneLine(heard),
    "afterEpoch* beforeValidate beforeValidationBatch afterPredict afterLoss " +
      "afterValidationBatch afterValidate onCancelTrain afterTrain* beforeTest beforeTestBatch " +
      "afterPredict afterLoss afterTestBatch afterTest",
  );
  assertEquals(status, "cancelled");
});

Deno.test("Learner.cancel('train') ends a pause that was asked for in the same hook", async () => {
  const hooks = ["beforeTrain", "beforeEpoch", "beforeBatch", "afterEpoch", "beforeTest"] as const;
  for (const hook of hooks) {
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 1, validation: 1, test: 1 },
      callbacks: [{
        [hook](learner: AnyLearner) {
          assert(learner.pause() && learner.cancel("train"));
        },
      }],
    });
    assertEquals((await within(LIMIT, hook, learner.train())).status, "cancelled");
  }
});

Deno.test("Learner leaves no tensor of a batch that was loaded, but not begun", async () => {
  await assertNoTensorsLeft(async () => {
    for (const phase of ["epoch", "train"] as const) {
      const { learner, run } = await held();
      const { data } = learner;
      let disposed: boolean | undefined;
      learner.callbacks.push({ afterEpoch: () => void (disposed ??= data.isDisposed) });
      learner.cancel(phase);
      learner.resume();
      await run;
      assertEquals(disposed, true, "with the epoch, and not later");
    }
  });
});

Deno.test("Learner.train({ signal }) cancels the training on abort, for the signal's reason", async () => {
  const controller = new AbortController();
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2 },
    callbacks: [
      recorder(heard, (hook) => {
        if (hook === "beforeStep") return wait(1).then(() => controller.abort(new Error("enough")));
      }),
    ],
  });
  const { status, reason } = await learner.train({ epochs: 2, signal: controller.signal });
  assertEquals(
    inOneLine(heard),
    "beforeTrain beforeEpoch beforeBatch afterPredict afterLoss afterBackward beforeStep " +
      "afterBatch* afterEpoch* onCancelTrain afterTrain*",
  );
  assertEquals({ status, reason }, { status: "cancelled", reason: "enough" });
});

Deno.test("Learner.train({ signal }) trains nothing where the signal is aborted already", async () => {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2, test: 1 },
    callbacks: [recorder(heard)],
  });
  const signal = AbortSignal.abort("too late");
  const { status, reason } = await learner.train({ signal });
  assertEquals(
    inOneLine(heard),
    "onCancelTrain afterTrain* beforeTest beforeTestBatch afterPredict afterLoss afterTestBatch " +
      "afterTest",
  );
  assertEquals({ status, reason }, { status: "cancelled", reason: "too late" });
});

Deno.test("Learner.train({ signal }) does not listen to the signal after its end", async () => {
  const controller = new AbortController();
  const { learner } = tinyLearner({ kind: "scalar", sizes: { train: 1 } });
  await learner.train({ signal: controller.signal });
  const second = learner.train({ epochs: 2 });
  controller.abort();
  assertEquals((await second).status, "completed");
});

/** A loader whose second batch comes when it is let go. */
function stalling(): {
  loader: () => AsyncIterable<[tf.Tensor, tf.Tensor]>;
  isStuck: () => boolean;
  letGo: () => void;
} {
  const { promise, resolve: letGo } = Promise.withResolvers<void>();
  let stalled = false;
  return {
    letGo,
    isStuck: () => stalled,
    loader: async function* () {
      yield tinyBatch();
      if (!stalled) {
        stalled = true;
        await promise;
      }
      yield tinyBatch();
    },
  };
}

for (const phase of ["epoch", "train"] as const) {
  Deno.test(`Learner.cancel('${phase}') does not wait for a loader that is stuck, whose late batch is disposed`, async () => {
    await assertNoTensorsLeft(async () => {
      const { loader, letGo } = stalling();
      const heard: Heard[] = [];
      const { learner } = tinyLearner({
        kind: "scalar",
        callbacks: [recorder(heard)],
        dataloaders: { train: loader },
      });
      const run = learner.train({ epochs: 2 });
      const first = `beforeTrain beforeEpoch ${B}`;
      await until(() => inOneLine(heard) === first);
      assertEquals(learner.cancel("batch"), false);
      assert(learner.cancel(phase));
      const { status, reason } = await within(LIMIT, "the run", run);
      assertEquals(reason, undefined, "none was given");
      const rest = phase === "train"
        ? "afterEpoch* onCancelTrain afterTrain*"
        : `onCancelEpoch afterEpoch* beforeEpoch ${B} ${B} afterEpoch afterTrain`;
      assertEquals(inOneLine(heard), `beforeTrain beforeEpoch ${B} ${rest}`);
      assertEquals(status, phase === "train" ? "cancelled" : "completed");
      letGo();
      await wait(1);
    });
  });
}

Deno.test("Learner.cancel() disposes a batch that comes while its loader is being closed", async () => {
  await assertNoTensorsLeft(async () => {
    const { loader, isStuck, letGo } = stalling();
    const { learner } = tinyLearner({ kind: "scalar", dataloaders: { train: loader } });
    const run = learner.train();
    await until(isStuck);
    learner.cancel("train");
    letGo();
    assertEquals((await within(LIMIT, "the run", run)).status, "cancelled");
    await wait(1);
  });
});

Deno.test("Learner.cancel() does not wait for a loader that asked for it before it got stuck", async () => {
  const { learner } = tinyLearner({ kind: "scalar" });
  learner.dataloaders.train = {
    [Symbol.asyncIterator]: () => ({
      next() {
        learner.cancel("train");
        return new Promise<never>(() => {});
      },
    }),
  };
  assertEquals((await within(LIMIT, "the run", learner.train())).status, "cancelled");
});

Deno.test("Learner.cancel() outlives a stuck loader that cannot be closed", async () => {
  const { learner } = tinyLearner({ kind: "scalar" });
  let isStuck = false;
  learner.dataloaders.train = {
    [Symbol.asyncIterator]: () => ({
      next() {
        isStuck = true;
        return new Promise<never>(() => {});
      },
      return() {
        throw new Error("not now");
      },
    }),
  };
  const run = learner.train();
  await until(() => isStuck);
  learner.cancel("train");
  assertEquals((await within(LIMIT, "the run", run)).status, "cancelled");
});

Deno.test("Learner.signal aborts when its own phase or one around it is cut short, and else not", async () => {
  const PHASES = { beforeTrain: "train", beforeEpoch: "epoch", beforeBatch: "batch" } as const;
  for (
    const [cancel, expected] of Object.entries({
      batch: ["batch"],
      epoch: ["batch", "epoch"],
      train: ["batch", "epoch", "train"],
    })
  ) {
    const signals = new Map<string, AbortSignal>();
    const aborted: string[] = [];
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 2 },
      callbacks: [
        recorder([], (hook, learner) => {
          if (hook in PHASES && learner.epoch === 0 && learner.batchIndex <= 0) {
            signals.set(PHASES[hook as keyof typeof PHASES], learner.signal);
          }
          if (hook !== "beforeStep" || learner.epoch > 0 || learner.batchIndex > 0) return;
          learner.cancel(cancel as "batch");
          for (const [phase, signal] of signals) if (signal.aborted) aborted.push(phase);
        }),
      ],
    });
    await learner.train({ epochs: 2 });
    assertEquals(aborted.sort(), expected, cancel);
    const later = [...signals].filter(([, signal]) => signal.aborted).map(([phase]) => phase);
    assertEquals(later.sort(), expected, `${cancel}: nothing else aborts later`);
  }
});

Deno.test("Learner.signal never aborts once its phase has ended by itself", async () => {
  for (const cancel of ["batch", "epoch", "train"] as const) {
    const ended: AbortSignal[] = [];
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 2 },
      callbacks: [
        recorder([], (hook, learner) => {
          const { epoch, batchIndex, signal } = learner;
          if (hook === "beforeEpoch" && epoch === 0) ended.push(signal);
          if (hook === "beforeBatch" && (epoch === 0 || batchIndex === 0)) ended.push(signal);
          if (hook === "beforeStep" && epoch === 1 && batchIndex === 1) learner.cancel(cancel);
        }),
      ],
    });
    await learner.train({ epochs: 2 });
    assertEquals(ended.map(({ aborted }) => aborted), Array(4).fill(false), cancel);
  }
});

Deno.test("Learner.signal wakes a hook that waits for it, and its echo is no error", async () => {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2 },
    callbacks: [
      recorder(heard, (hook, { signal }) => {
        if (hook !== "beforeBatch") return;
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        );
      }),
    ],
  });
  const batches = () => heard.filter(({ hook }) => hook === "beforeBatch").length;
  const run = learner.train();
  await until(() => batches() === 1);
  assert(learner.cancel("batch"));
  await until(() => batches() === 2);
  assert(learner.cancel("epoch"));
  assertEquals((await within(LIMIT, "the run", run)).status, "completed");
  assertEquals(
    inOneLine(heard),
    "beforeTrain beforeEpoch beforeBatch onCancelBatch afterBatch* beforeBatch afterBatch* " +
      "onCancelEpoch afterEpoch* afterTrain",
  );
  assertEquals(learner.failures, []);
});

Deno.test("Learner refuses a second run while one is under way, also from a hook", async () => {
  const refused: Error[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 1, validation: 1 },
    callbacks: [{
      async afterBatch(learner) {
        refused.push(await assertRejects(() => learner.train(), Error, "in progress"));
        refused.push(await assertRejects(() => learner.validate(), Error, "in progress"));
      },
    }],
  });
  const run = learner.train();
  await assertRejects(
    () => learner.train(),
    Error,
    "Cannot train: a run of this Learner is in progress",
  );
  assertEquals((await run).status, "completed");
  assertEquals(refused.length, 2);
  assertEquals((await learner.train()).status, "completed");
});

Deno.test("Learner refuses to be steered while no run is under way", async () => {
  const { learner } = tinyLearner({ kind: "scalar", sizes: { train: 1 } });
  const refusals = () => [
    learner.pause(),
    learner.resume(),
    learner.step(),
    learner.cancel("train"),
    learner.can("pause"),
  ];
  assertEquals(refusals(), Array(5).fill(false));
  let atEnd: boolean[] = [];
  const run = learner.train();
  learner.actor!.subscribe({ complete: () => atEnd = refusals() });
  await run;
  assertEquals(atEnd, Array(5).fill(false));
  assertEquals(refusals(), Array(5).fill(false));
});

Deno.test("Learner fails, with all its after hooks, on a callback that is added with a misspelt hook", async () => {
  for (const hook of ["beforeBatch", "beforeStep", "afterBatch"] as const) {
    const heard: Heard[] = [];
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 2 },
      callbacks: [
        recorder(heard, (at, learner) => {
          if (at === hook) learner.callbacks.push({ afterBatches() {} } as never);
        }),
      ],
    });
    await assertNoTensorsLeft(async () => {
      await assertRejects(() => learner.train(), TypeError, 'did you mean "afterBatch"?');
    });
    const hooks = inOneLine(heard);
    assert(hooks.endsWith("afterBatch afterEpoch afterTrain onError"), hooks);
  }
});

Deno.test("Learner tells when a promise comes from a hook that is synchronous", async () => {
  const heard: Heard[] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 2 },
    callbacks: [
      recorder(heard, (hook) => hook === "afterLoss" ? Promise.resolve() : undefined),
    ],
  });
  await assertNoTensorsLeft(async () => {
    await assertRejects(() => learner.train(), TypeError, "Cannot run afterLoss");
  });
  assertEquals(
    inOneLine(heard),
    "beforeTrain beforeEpoch beforeBatch afterPredict afterLoss afterBatch afterEpoch afterTrain " +
      "onError",
  );
});
