/**
 * Resumes a run in which callbacks cancel every phase, from every hook that runs after a cancel.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  Callback,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  type Learner,
  type RunCheckpoint,
  StorageError,
  tf,
} from "../../mod.ts";
import { HOOK_NAMES } from "../../chart.ts";
import { numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

/** The last hook from which a training can be resumed. */
const FINALLY = HOOK_NAMES.filter((hook) =>
  /^(after(?!Predict|Loss|Back|Step)|onCancel)/.test(hook)
);

/** Cancels something in every pass, depending on epoch and batch only. */
class Canceller extends Callback {
  override afterLoss({ phase, epoch, batchIndex }: Learner): void {
    if (phase === "train" && epoch === 0 && batchIndex === 1) throw new CancelBatch();
    if (phase === "train" && epoch === 1 && batchIndex === 2) throw new CancelEpoch();
    if (phase === "validate" && epoch === 0 && batchIndex === 0) throw new CancelBatch();
    if (phase === "validate" && epoch === 1 && batchIndex === 1) throw new CancelEpoch();
    if (phase === "test") throw new CancelEpoch();
  }
  override afterBatch({ epoch, batchIndex }: Learner): void {
    if (epoch === 2 && batchIndex === 1) throw new CancelTrain("enough");
  }
}

/** Records every hook, and takes a checkpoint in those that always run. */
class Cut extends Callback {
  readonly lines: string[] = [];
  readonly cuts: { line: number; checkpoint: RunCheckpoint }[] = [];
  constructor(readonly takes: boolean, override priority: number) {
    super();
  }
}
for (const hook of HOOK_NAMES) {
  const note = (cut: Cut, { phase, epoch, batchIndex, cancelled }: Learner) =>
    cut.lines.push(`${hook} ${phase} ${epoch} ${batchIndex} ${[...cancelled].sort()}`);
  Cut.prototype[hook] = FINALLY.includes(hook)
    ? async function (this: Cut, learner: Learner) {
      note(this, learner);
      if (!this.takes) return;
      this.cuts.push({ line: this.lines.length, checkpoint: await learner.checkpoint() });
    }
    : function (this: Cut, learner: Learner) {
      note(this, learner);
    };
}

for (const priority of [-5, 5]) {
  Deno.test(`Learner.train({ from }) resumes a run that is being cancelled [${priority}]`, async () => {
    const { numTensors } = tf.memory();
    const run = async (cut: Cut, from?: RunCheckpoint) => {
      const { learner, model, dispose } = tinyLearner({ callbacks: [new Canceller(), cut] });
      const result = await learner.train(from ? { from } : { epochs: 5 });
      const weights = numbersOf(model);
      dispose();
      return { result, weights };
    };
    const whole = new Cut(true, priority);
    const expected = await run(whole);
    assertEquals([expected.result.status, expected.result.reason], ["cancelled", "enough"]);
    const heard = new Set(whole.lines.map((line) => line.split(" ")[0]));
    assertEquals(FINALLY.filter((hook) => !heard.has(hook)), []);
    for (const { line, checkpoint } of whole.cuts) {
      const rest = new Cut(false, priority);
      const actual = await run(rest, checkpoint);
      assertEquals(rest.lines, whole.lines.slice(line), whole.lines[line - 1]);
      assertEquals(actual, expected, whole.lines[line - 1]);
    }
    assert(whole.cuts.length > 25);
    assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
  });
}

Deno.test("Learner.train({ from }) names the error of a run that had failed", async () => {
  const taken: RunCheckpoint[] = [];
  const take = async (learner: Learner) => {
    if (learner.failures.length > 0) taken.push(await learner.checkpoint());
  };
  const { learner, dispose } = tinyLearner({
    callbacks: [{
      beforeBatch: () => {
        throw new Error("flaky");
      },
      afterBatch: take,
      onError: take,
    }],
  });
  await assertRejects(() => learner.train(), Error, "flaky");
  assertEquals(taken.length, 2);
  for (const from of taken) {
    const error = await assertRejects(() => learner.train({ from }), StorageError);
    assertStringIncludes(error.message, 'the run of this checkpoint had failed with "flaky"');
  }
  dispose();
});

Deno.test("restore is refused as a request, paused or not", async () => {
  const sent: boolean[] = [];
  const heard: string[] = [];
  const { learner, dispose } = tinyLearner({
    callbacks: [{
      beforeBatch: ({ epoch, batchIndex }) => void heard.push(`${epoch} ${batchIndex}`),
      afterBatch: (learner) => void (learner.batchIndex === 1 && learner.pause()),
      onCancelEpoch: () => restore(),
    }],
  });
  const restore = () => {
    const event = { type: "restore" } as never;
    sent.push(learner.actor!.getSnapshot().can(event));
    learner.actor!.send(event);
  };
  const running = learner.train();
  while (!learner.actor?.getSnapshot().hasTag("paused")) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  restore();
  learner.step();
  while (learner.batchIndex < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  learner.cancel("epoch");
  learner.resume();
  await running;
  dispose();
  assertEquals(heard, ["0 0", "0 1", "0 2"]);
  assertEquals(sent, [false, false]);
});

Deno.test("Learner.train({ from }) names a loader that is no longer one", async () => {
  const { numTensors } = tf.memory();
  for (const nonsense of [null, undefined, 5, { train: null }, { train: 5, validation: 6 }]) {
    for (const hook of ["beforeEpoch", "afterBatch", "afterEpoch", "afterValidate"] as const) {
      const after: string[] = [];
      const { learner, dispose } = tinyLearner({
        callbacks: [{
          [hook]: (learner: Learner) => void (learner.dataloaders = nonsense as never),
          afterTrain: () => void after.push("afterTrain"),
          onError: () => void after.push("onError"),
        }],
      });
      const error = await assertRejects(() => learner.train({ epochs: 2 }), TypeError);
      assert(/Cannot read .*(train|validation)/.test(error.message), `${hook}: ${error.message}`);
      assertEquals(after, ["afterTrain", "onError"]);
      dispose();
    }
  }
  assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
});
