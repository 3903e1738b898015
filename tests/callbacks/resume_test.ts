/**
 * The law of every callback with a state: wherever the run was cut, another Learner continues it as if
 * nothing had happened.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Callback,
  type CallbackLike,
  type Learner,
  Metrics,
  ProgressBar,
  type RunCheckpoint,
  tf,
} from "../../mod.ts";
import {
  CsvLogger,
  GradientAccumulation,
  GradientStats,
  JsonLinesLogger,
  LeakGuard,
  LearningRateFinder,
  LimitBatches,
  MaxSteps,
  MaxTime,
  type Notice,
  Notify,
  OverfitOneBatch,
  ReduceOnPlateau,
  StopOnNaN,
  TensorBoard,
  Timer,
} from "../../callbacks.ts";
import { meanAbsoluteError, rSquared } from "../../metrics.ts";
import { numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

const { state: write } = await Deno.permissions.query({ name: "write" });

/** A callback, and the observations that must be the same in the end. */
interface Subject {
  callback: CallbackLike;
  seen: () => unknown;
  /** Whether the training loader does not know its length. Default: it does. */
  unknownLength?: boolean;
}

/** Makes a new subject, in the folder with the files of those before it. */
const TABLE: Record<string, (folder: string) => Subject> = {
  Metrics: () => {
    const callback = new Metrics({ meanAbsoluteError, r2: rSquared() });
    return { callback, seen: () => undefined }; // the result of the training has them
  },
  ReduceOnPlateau: () => {
    const callback = new ReduceOnPlateau({ patience: 1, minDelta: 9 });
    return { callback, seen: () => undefined }; // the weights tell
  },
  GradientAccumulation: () => ({ callback: new GradientAccumulation(3), seen: () => undefined }),
  "GradientAccumulation over a loader of unknown length": () => ({
    callback: new GradientAccumulation(3),
    seen: () => undefined,
    unknownLength: true,
  }),
  MaxSteps: () => {
    const callback = new MaxSteps(6);
    return { callback, seen: () => callback.steps };
  },
  MaxTime: () => ({ callback: new MaxTime(1e6), seen: () => undefined }),
  StopOnNaN: () => ({ callback: new StopOnNaN(), seen: () => undefined }),
  LimitBatches: () => ({
    callback: new LimitBatches({ train: 3, validation: 1 }),
    seen: () => undefined,
  }),
  OverfitOneBatch: () => ({
    callback: new OverfitOneBatch({ stepsPerEpoch: 3 }),
    seen: () => undefined,
  }),
  GradientStats: () => {
    const callback = new GradientStats({ every: 3 });
    // Names of weights differ from one model to the next.
    return { callback, seen: () => callback.records.map((record) => ({ ...record, layer: "" })) };
  },
  Timer: () => {
    const callback = new Timer();
    const calls = () => callback.work.map(({ owner, work, calls }) => `${owner} ${work} ${calls}`);
    const examples = () => Object.values(callback.phases).map(({ examples }) => examples);
    // The hooks of the one who cuts are not the same; nor is opening a loader once more.
    return {
      callback,
      seen: () => [examples(), calls().filter((line) => /Timer|fetch|step/.test(line)).sort()],
    };
  },
  LeakGuard: () => {
    const leaks: unknown[] = [];
    return { callback: new LeakGuard({ onLeak: (leak) => leaks.push(leak) }), seen: () => leaks };
  },
  Notify: () => {
    let notices: Notice[] = [];
    return {
      callback: new Notify((notice) => void (notices = [notice])),
      seen: () => notices.map((notice) => ({ ...notice, seconds: notice.seconds > 0 })),
    };
  },
  ProgressBar: () => {
    let text = "";
    return {
      callback: new ProgressBar({ live: false, write: (more) => text += more }),
      seen: () => text.trim().split("\n").at(-1),
    };
  },
  CsvLogger: (folder) => {
    const path = `${folder}/log.csv`;
    const lines = () => Deno.readTextFileSync(path).trim().split("\n");
    return {
      callback: new CsvLogger(path),
      seen: () => lines().map((line) => line.replace(/[^,]*$/, "")), // seconds are last
    };
  },
  JsonLinesLogger: (folder) => {
    const path = `${folder}/log.jsonl`;
    return {
      callback: new JsonLinesLogger(path),
      seen: () =>
        Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line))
          .map((line) => ({ ...line, time: "", seconds: 0 })),
    };
  },
  "JsonLinesLogger that appends": (folder) => {
    const path = `${folder}/all.jsonl`;
    if (!existsSync(path)) Deno.writeTextFileSync(path, '{"event":"of an earlier training"}\n');
    return {
      callback: new JsonLinesLogger(path, { append: true }),
      seen: () =>
        Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line).event),
    };
  },
  TensorBoard: (folder) => ({
    callback: new TensorBoard(`${folder}/board`, { histogramEpochs: 0 }),
    seen: () =>
      Array.from(
        Deno.readDirSync(`${folder}/board`),
        ({ name }) => Deno.statSync(`${folder}/board/${name}`).size,
      ),
  }),
};

/** Takes a checkpoint in every after hook. */
class Cut extends Callback {
  override priority = 1e6;
  readonly checkpoints: RunCheckpoint[] = [];
}
for (
  const hook of [
    "afterBatch",
    "afterEpoch",
    "afterValidationBatch",
    "afterValidate",
    "afterTestBatch",
  ] as const
) {
  Cut.prototype[hook] = async function (this: Cut, learner: Learner) {
    this.checkpoints.push(await learner.checkpoint());
  };
}

for (const [name, make] of Object.entries(TABLE)) {
  Deno.test(
    `${name} continues wherever a run was cut`,
    { ignore: write !== "granted" },
    async () => {
      const folder = await Deno.makeTempDir();
      const { numTensors } = tf.memory();
      const run = async (from?: RunCheckpoint, beside: CallbackLike[] = []) => {
        const { callback, seen, unknownLength } = make(folder);
        const { learner, model, dispose } = tinyLearner({ callbacks: [callback, ...beside] });
        const { train } = learner.dataloaders;
        if (unknownLength) learner.dataloaders.train = () => train as [tf.Tensor, tf.Tensor][];
        const { status, metrics } = await learner.train(from ? { from } : { epochs: 3 });
        const weights = numbersOf(model);
        dispose();
        return { status, metrics, weights, seen: seen() };
      };
      try {
        const cut = new Cut();
        const whole = await run(undefined, [cut]);
        assert(cut.checkpoints.length > 8);
        for (const checkpoint of cut.checkpoints) {
          const { phase, epoch, batch } = checkpoint;
          assertEquals(await run(checkpoint), whole, `${phase} ${epoch} ${batch}`);
        }
        assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

Deno.test("ProgressBar writes the row of an epoch that was cut before its validation", async () => {
  const cut = new Cut();
  const whole = tinyLearner({ callbacks: [new ProgressBar({ live: false, write() {} }), cut] });
  await whole.learner.train();
  const from = cut.checkpoints.find(({ phase, batch }) => phase === "validate" && batch === 1);
  let text = "";
  const { learner, dispose } = tinyLearner({
    callbacks: [
      new ProgressBar({ live: false, write: (more) => text += more }),
    ],
  });
  await learner.train({ from });
  const [header, row, test] = text.trim().split("\n").map((line) => line.trim());
  assert(header.startsWith("epoch") && row.startsWith("1 ") && test.startsWith("test:"), text);
  dispose();
  whole.dispose();
});

Deno.test("a run may be resumed without its passive callbacks", async () => {
  const { numTensors } = tf.memory();
  const cut = new Cut();
  const whole = tinyLearner({
    callbacks: [new Metrics({ r2: rSquared() }), new ProgressBar({ write() {} }), cut],
  });
  await whole.learner.train({ epochs: 2 });
  const alone = tinyLearner();
  await alone.learner.train({ from: cut.checkpoints[1] });
  assertEquals(numbersOf(alone.model), numbersOf(whole.model));
  alone.dispose();
  whole.dispose();
  assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
});

Deno.test("Metrics refuses a checkpoint in the middle of a pass that it could not continue", async () => {
  const seen: unknown[] = [];
  const metric = { reset() {}, update() {}, compute: () => 0 };
  const { learner, dispose } = tinyLearner({
    callbacks: [new Metrics({ mine: metric }), {
      priority: 1e6,
      async afterBatch(learner) {
        const error = await assertRejects(() => learner.checkpoint(), TypeError);
        seen.push(error.message);
      },
      async afterEpoch(learner) {
        seen.push((await learner.checkpoint()).format);
      },
    }],
  });
  await learner.train();
  dispose();
  assertEquals(seen.slice(-2), [
    "Cannot take a checkpoint in the middle of a pass as metric mine must have state() and " +
    "restore(): it has neither",
    1,
  ]);
});

Deno.test("LearningRateFinder refuses a checkpoint in the middle of its search", async () => {
  const seen: string[] = [];
  const finder = new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 });
  const { learner, dispose } = tinyLearner({
    callbacks: [finder, {
      async afterBatch(learner) {
        seen.push((await assertRejects(() => learner.checkpoint(), Error)).message);
      },
    }],
  });
  await learner.train({ epochs: 3 });
  dispose();
  assert(seen[0].includes("a search for a learning rate is in progress"), seen[0]);
});
