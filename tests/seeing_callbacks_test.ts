import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import {
  accuracy,
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  CsvLogger,
  f1,
  JsonLinesLogger,
  type Learner,
  Metrics,
  selectBackend,
  tf,
} from "../mod.ts";
import { disposeLearner, tinyLearner } from "./tiny_learner.ts";

const { state } = await Deno.permissions.query({ name: "write" });

interface Row<C extends CallbackLike = CallbackLike> {
  /** Makes the callback anew. */
  create(folder: string): C;
  /** What it shows of its last run, without times and losses: equal runs must show equal things. */
  shows(callback: C, folder: string): unknown;
}

function row<C extends CallbackLike>(row: Row<C>): Row {
  return row as unknown as Row;
}

const read = (folder: string, name: string) => Deno.readTextFileSync(join(folder, name));

/** Every callback that shows what happens; whoever adds one adds a row. */
const CALLBACKS: Record<string, Row> = {
  Metrics: row({
    create: () => new Metrics({ accuracy, f1: f1() }),
    shows: ({ metricNames }) => metricNames,
  }),
  CsvLogger: row({
    create: (folder) => new CsvLogger(join(folder, "log", "run.csv")),
    shows: (_, folder) => read(folder, "log/run.csv").split("\n").map((line) => line.split(",")[0]),
  }),
  JsonLinesLogger: row({
    create: (folder) => new JsonLinesLogger(join(folder, "run.jsonl")),
    shows: (_, folder) =>
      read(folder, "run.jsonl").trim().split("\n").map((line) => {
        const { event, epoch, metrics } = JSON.parse(line);
        return [event, epoch, Object.keys(metrics ?? {})];
      }),
  }),
};

/** Throws in the second batch of the first epoch. */
function throwing(error: Error): CallbackLike {
  return {
    name: "Thrower",
    beforeBatch({ epoch, batchIndex }) {
      if (epoch === 0 && batchIndex === 1) throw error;
    },
  };
}

const train = (learner: Learner) => learner.train({ epochs: 2 });

/** What may happen to a run, and what must come of it. */
const RUNS: Record<string, { others?: CallbackLike[]; run(learner: Learner): Promise<unknown> }> = {
  "is there in a normal run": {
    run: async (learner) => assertEquals((await train(learner)).status, "completed"),
  },
  "survives a cancelled batch": {
    others: [throwing(new CancelBatch())],
    run: async (learner) => assertEquals((await train(learner)).status, "completed"),
  },
  "survives a cancelled epoch": {
    others: [throwing(new CancelEpoch())],
    run: async (learner) => assertEquals((await train(learner)).status, "completed"),
  },
  "survives a cancelled training": {
    others: [throwing(new CancelTrain())],
    run: async (learner) => assertEquals((await train(learner)).status, "cancelled"),
  },
  "survives an error elsewhere": {
    others: [throwing(new Error("elsewhere"))],
    run: async (learner) => {
      await assertRejects(() => train(learner), Error, "elsewhere");
    },
  },
  "survives an error in the middle of a step": {
    others: [{
      name: "Thrower",
      afterLoss() {
        throw new Error("elsewhere");
      },
    }],
    run: async (learner) => {
      await assertRejects(() => train(learner), Error, "elsewhere");
    },
  },
  "survives a pause": {
    others: [{
      name: "Pauser",
      beforeBatch(learner) {
        if (learner.batchIndex === 0) {
          learner.pause();
          setTimeout(() => learner.resume(), 5);
        }
      },
    }],
    run: async (learner) => assertEquals((await train(learner)).status, "completed"),
  },
  "survives passes without a training": {
    run: async (learner) => {
      await learner.validate();
      await learner.test();
      await train(learner);
    },
  },
};

for (const [name, { create, shows }] of Object.entries(CALLBACKS)) {
  for (const [law, { others = [], run }] of Object.entries(RUNS)) {
    Deno.test(`${name} ${law}`, { ignore: state !== "granted" }, async () => {
      await selectBackend({ prefer: "cpu", quiet: true });
      const folder = await Deno.makeTempDir();
      const before = tf.memory().numTensors;
      const first = tinyLearner([]);
      const second = tinyLearner([]);
      try {
        const callback = create(folder);
        first.callbacks = [new Metrics({ accuracy }), callback, ...others];
        await run(first);
        first.callbacks = [new Metrics({ accuracy }), callback];
        await train(first);
        const again = shows(callback, folder);

        const fresh = create(folder);
        second.callbacks = [new Metrics({ accuracy }), fresh];
        await train(second);
        assertEquals(again, shows(fresh, folder), "state leaks into the next run");
      } finally {
        disposeLearner(first);
        disposeLearner(second);
        await Deno.remove(folder, { recursive: true });
      }
      assertEquals(tf.memory().numTensors, before, "tensors are left");
    });
  }
}

/** Runs a test in a folder of its own. */
function testInFolder(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(name, { ignore: state !== "granted" }, async () => {
    await selectBackend({ prefer: "cpu", quiet: true });
    const folder = await Deno.makeTempDir();
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

testInFolder("CsvLogger adds a column for what is first measured later", async (folder) => {
  const path = join(folder, "run.csv");
  const learner = tinyLearner([new CsvLogger(path), {
    name: "Late",
    afterEpoch({ epoch, metrics }) {
      if (epoch === 1) metrics['train.odd, "quoted"'] = 0.5;
    },
  }]);
  await learner.train({ epochs: 3, validationEpochs: 3 });
  const [header, ...rows] = (await Deno.readTextFile(path)).trim().split("\n");
  assertEquals(
    header,
    'epoch,train.loss,learningRate,seconds,"train.odd, ""quoted""",validation.loss',
  );
  assertEquals(rows.map((row) => row.split(",").length), [6, 6, 6]);
  assertEquals(rows[0].endsWith(",,"), true);
  assertEquals(rows[1].split(",")[4], "0.5");
  disposeLearner(learner);
});

testInFolder("JsonLinesLogger tells what went wrong, and where", async (folder) => {
  const path = join(folder, "run.jsonl");
  const learner = tinyLearner([new JsonLinesLogger(path), throwing(new Error("elsewhere"))]);
  await assertRejects(() => learner.train());
  const lines = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ event }) => event), ["train", "epoch", "end", "error"]);
  const { message, during, callback } = lines[3];
  assertEquals([message, during, callback], ["elsewhere", "beforeBatch", "Thrower"]);
  assertEquals(lines[2].status, "failed");
  assert(!Number.isNaN(Date.parse(lines[0].time)));
  disposeLearner(learner);
});
