import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type CallbackLike,
  CancelTrain,
  Checkpoint,
  type CheckpointOptions,
  Learner,
  loadCheckpoint,
  meanSquaredError,
  type RunCheckpoint,
  sgd,
  tf,
  withSeed,
} from "../../mod.ts";
import { OpenFile } from "../../src/host/files.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

const { state: run } = await Deno.permissions.query({ name: "run" });

/** The Learners of the current test. */
const made: Learner[] = [];

function learnerOf(callbacks: CallbackLike[]): Learner {
  const batches = [0, 1, 2].map((x) =>
    [tf.tensor2d([[x]]), tf.tensor2d([[x * 2]])] as [tf.Tensor, tf.Tensor]
  );
  const learner = new Learner({
    model: withSeed(
      1,
      () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
    ),
    optimizer: sgd(0.05, { momentum: 0.5 }),
    lossFunction: meanSquaredError,
    dataloaders: { train: batches, validation: batches },
    callbacks,
    seed: 1,
  });
  made.push(learner);
  return learner;
}

const weights = (learner: Learner) =>
  (learner.model as tf.LayersModel).getWeights().map((weight) => [...weight.dataSync()]);

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

/** A test that gets the name of a folder that is not there yet. */
function testIn(name: string, test: (folder: string) => Promise<void>, ignore = false): void {
  testInFolder(name, async (folder) => {
    try {
      await test(`${folder}/run`);
    } finally {
      for (const { model, optimizer, dataloaders } of made.splice(0)) {
        (model as tf.LayersModel).dispose();
        optimizer.dispose();
        tf.dispose(dataloaders.train as unknown as tf.TensorContainer);
      }
    }
  }, ignore);
}

/** Saves after every batch, and keeps all. */
const ALL: CheckpointOptions = { every: { batches: 1 }, last: 99, signals: false };

testIn("Checkpoint saves every n batches and at the end, and keeps the last k", async (folder) => {
  const checkpoint = new Checkpoint(folder, { every: { batches: 2 }, last: 2 });
  await Deno.mkdir(folder);
  const older = "00000000-train-epoch-0000-batch-000001.safetensors";
  await Deno.writeTextFile(`${folder}/${older}`, "of another run");
  await learnerOf([checkpoint]).train({ epochs: 2 });
  assertEquals(names(folder), [
    older,
    "00000003-train-epoch-0001-batch-000003.safetensors",
    "00000004-train-epoch-0002-batch-000003.safetensors",
  ]);
});

for (
  const [monitor, hook, best] of [
    ["validation.error", "afterValidate", ["validate-epoch-0001", "validate-epoch-0003"]],
    ["validation.accuracy", "afterValidate", ["validate-epoch-0002", "validate-epoch-0004"]],
    ["train.accuracy", "afterEpoch", ["train-epoch-0002-ba", "train-epoch-0004-ba"]],
  ] as const
) {
  testIn(`Checkpoint keeps the best k by ${monitor} beside the last`, async (folder) => {
    const monitored = [0.5, 0.2, 0.9, 0.4, 0.7];
    const measure: CallbackLike = {
      metricNames: [monitor],
      [hook]({ epoch, metrics }: Learner) {
        metrics[monitor] = monitored[epoch];
      },
    };
    const options = { last: 1, best: 2, monitor, every: {} };
    await learnerOf([measure, new Checkpoint(folder, options)]).train({ epochs: 5 });
    assertEquals(names(folder).map((name) => name.slice(9, 28)), [...best, "train-epoch-0005-ba"]);
  });
}

testIn("Checkpoint refuses to monitor a metric that is not measured", async (folder) => {
  const learner = learnerOf([new Checkpoint(folder, { best: 1, monitor: "validation.mae" })]);
  await assertRejects(
    () => learner.train(),
    TypeError,
    'Cannot monitor "validation.mae" with Checkpoint as it must be one of train.loss, validation',
  );
  assertThrows(() => new Checkpoint(folder, { best: 1, monitor: "mine" }), TypeError, '"train."');
});

testIn("Checkpoint resumes the newest intact file and names damaged ones", async (folder) => {
  const whole = learnerOf([new Checkpoint(folder, ALL)]);
  await whole.train({ epochs: 2 });
  const all = names(folder);
  for (const name of all.slice(-2)) await Deno.truncate(`${folder}/${name}`, 500);
  const target = `${folder}/../elsewhere`;
  await Deno.writeTextFile(target, "not ours");
  await Deno.symlink(target, `${folder}/99999999-train-epoch-0001-batch-000001.safetensors`);
  await Deno.writeTextFile(`${folder}/.00000009-train.safetensors.x.partial`, "half");
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  let begun = "";
  const learner = learnerOf([
    { beforeBatch: (learner) => void (begun ||= `${learner.epoch} ${learner.batchIndex}`) },
    new Checkpoint(folder, { ...ALL, resume: "auto", warn }),
  ]);
  await learner.train({ epochs: 2 });
  assertEquals(begun, "1 2");
  assertEquals(weights(learner), weights(whole));
  assertEquals(warnings.length, 2);
  assert(warnings[0].includes(all.at(-1)!) && warnings[1].includes(all.at(-2)!));
  assertEquals(await Deno.readTextFile(target), "not ours");
  assert(!names(folder).some((name) => name.endsWith(".partial")));
});

testIn("Checkpoint saves a failed run, and resumes from before", async (folder) => {
  let fail = true;
  const flaky: CallbackLike = {
    beforeBatch({ epoch, batchIndex }) {
      if (fail && epoch === 1 && batchIndex === 1) throw new Error("flaky");
    },
  };
  const first = learnerOf([flaky, new Checkpoint(folder, ALL)]);
  await assertRejects(() => first.train({ epochs: 2 }), Error, "flaky");
  assert(names(folder).at(-1)!.endsWith("-error.safetensors"));
  fail = false;
  const learner = learnerOf([flaky, new Checkpoint(folder, { ...ALL, resume: "auto" })]);
  await learner.train({ epochs: 2 });
  const whole = learnerOf([]);
  await whole.train({ epochs: 2 });
  assertEquals(weights(learner), weights(whole));
});

testIn("Checkpoint continues when its folder is deleted during the run", async (folder) => {
  const remove: CallbackLike = {
    async afterEpoch({ epoch }) {
      // While a file is being written into it, a folder may come back before it is gone.
      const removed = () => Deno.remove(folder, { recursive: true }).then(() => true, () => false);
      while (epoch === 0 && !await removed());
    },
  };
  await learnerOf([remove, new Checkpoint(folder, { ...ALL, warn: () => {} })])
    .train({ epochs: 2 });
  await loadCheckpoint(`${folder}/${names(folder).at(-1)}`);
});

for (const onError of ["warn", "fail"] as const) {
  testIn(`Checkpoint on a disk that is full keeps what is saved [${onError}]`, async (folder) => {
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const { write } = OpenFile.prototype;
    const fill: CallbackLike = {
      afterEpoch: () => {
        OpenFile.prototype.write = () => Promise.reject(new Error("No space left on device"));
      },
    };
    const learner = learnerOf([fill, new Checkpoint(folder, { ...ALL, onError, warn })]);
    try {
      const training = learner.train({ epochs: 2 });
      if (onError === "warn") assertEquals((await training).status, "completed");
      else await assertRejects(() => training, Error, "No space left on device");
    } finally {
      OpenFile.prototype.write = write;
    }
    assertEquals(warnings.length > 0, onError === "warn");
    assertEquals(names(folder).length >= 2, true);
    for (const name of names(folder)) await loadCheckpoint(`${folder}/${name}`);
  });
  testIn(`Checkpoint says that its folder cannot be one [${onError}]`, async (folder) => {
    await Deno.writeTextFile(folder, "a file");
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const training = learnerOf([new Checkpoint(folder, { ...ALL, onError, warn })]).train();
    if (onError === "fail") await assertRejects(() => training, Error, "Cannot save a checkpoint");
    else assertEquals((await training).status, "completed");
    assertEquals(warnings.length > 0, onError === "warn");
  });
}

testIn(
  "Checkpoint saves on SIGTERM and cancels, and the run continues when resumed",
  async (folder) => {
    if (run !== "granted") return;
    const kill: CallbackLike = {
      async afterBatch({ epoch, batchIndex }) {
        if (epoch !== 0 || batchIndex !== 1) return;
        let heard = false;
        const hear = () => void (heard = true);
        Deno.addSignalListener("SIGTERM", hear); // the last listener
        Deno.kill(Deno.pid, "SIGTERM");
        while (!heard) await new Promise((resolve) => setTimeout(resolve, 1));
        Deno.removeSignalListener("SIGTERM", hear);
      },
    };
    const options = { every: {}, resume: "auto" } as const;
    const first = await learnerOf([kill, new Checkpoint(folder, options)]).train({ epochs: 2 });
    assertEquals([first.status, first.reason], ["cancelled", "The process received SIGTERM"]);
    assertEquals(names(folder), ["00000001-train-epoch-0000-batch-000002.safetensors"]);
    const learner = learnerOf([new Checkpoint(folder, options)]);
    assertEquals((await learner.train()).status, "completed");
    const whole = learnerOf([]);
    await whole.train({ epochs: 2 });
    assertEquals(weights(learner), weights(whole));
  },
);

testIn("two Checkpoints both save the run as it was when SIGTERM came", async (folder) => {
  if (run !== "granted") return;
  const make = (): Checkpoint[] => [
    new Checkpoint(`${folder}/best`, { best: 1 }),
    new Checkpoint(`${folder}/last`, { every: { batches: 2 } }),
    new Checkpoint(`${folder}/deaf`, { signals: false }),
  ];
  const kill: CallbackLike = {
    async beforeBatch({ epoch, batchIndex }) {
      if (epoch !== 0 || batchIndex !== 1) return;
      Deno.kill(Deno.pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
  };
  const first = await learnerOf([...make(), kill]).train({ epochs: 2 });
  assertEquals([first.status, first.reason], ["cancelled", "The process received SIGTERM"]);
  const whole = learnerOf([]);
  await whole.train({ epochs: 2 });
  for (const name of ["best", "last", "deaf"]) {
    const files = names(`${folder}/${name}`);
    assertEquals(files.at(-1)!.slice(8), "-train-epoch-0000-batch-000002.safetensors");
    const learner = learnerOf([new Checkpoint(`${folder}/more-${name}`, { signals: false })]);
    const { status, epochs } = await learner.train({ from: `${folder}/${name}/${files.at(-1)}` });
    assertEquals([status, epochs], ["completed", 2]);
    assertEquals(weights(learner), weights(whole));
  }
});

testIn("two Checkpoints of a run that is paused both save it on SIGTERM", async (folder) => {
  if (run !== "granted") return;
  const pause: CallbackLike = {
    beforeBatch(learner) {
      if (learner.batchIndex !== 0) return;
      learner.pause();
      setTimeout(() => Deno.kill(Deno.pid, "SIGTERM"), 20);
    },
  };
  const folders = [`${folder}/a`, `${folder}/b`];
  const checkpoints = folders.map((name) => new Checkpoint(name, { every: {} }));
  const { status } = await learnerOf([pause, ...checkpoints]).train({ epochs: 2 });
  assertEquals(status, "cancelled");
  for (const name of folders) {
    const [file, ...others] = names(name);
    assertEquals([file.slice(9, 25), others], ["train-epoch-0000", []]);
    assertEquals((await learnerOf([]).train({ from: `${name}/${file}` })).status, "completed");
  }
});

testIn('Checkpoint with resume: "auto" says from what, and serves one train()', async (folder) => {
  const lines: string[] = [];
  const options: CheckpointOptions = {
    ...ALL,
    resume: "auto",
    log: (message) => void lines.push(message),
  };
  const begun: number[] = [];
  const count: CallbackLike = { beforeTrain: ({ epochs }) => void begun.push(epochs) };
  const learner = learnerOf([new Checkpoint(folder, options), count]);
  await learner.train({ epochs: 2 });
  assertEquals(lines, [], "there was nothing to resume");
  await learner.train({ epochs: 1 });
  assertEquals([lines, begun], [[], [2, 1]], "the second training is another one");

  const newest = names(folder).at(-1);
  await learnerOf([new Checkpoint(folder, options)]).train({ epochs: 2 });
  assertEquals(lines.length, 1);
  const [, place] = lines[0].split(`Resuming from ${folder}/${newest}: `);
  assertEquals(place, "epoch 2, 3 batches of train");
  const tested = learnerOf([new Checkpoint(folder, options)]);
  tested.dataloaders.test = tested.dataloaders.train;
  await tested.train({ epochs: 2 });
  await learnerOf([new Checkpoint(folder, options)]).train({ epochs: 2 });
  assert(lines.at(-1)!.endsWith(": after epoch 2, 3 batches of test"), lines.at(-1));
});

testIn("a second run in the folder of a Checkpoint saves nothing, and says so", async (folder) => {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const inner = learnerOf([new Checkpoint(folder, { ...ALL, warn })]);
  const resumed = learnerOf([new Checkpoint(folder, { ...ALL, warn, resume: "auto" })]);
  const failing = learnerOf([new Checkpoint(folder, { ...ALL, onError: "fail" })]);
  const meanwhile: CallbackLike = {
    priority: Number.MAX_SAFE_INTEGER,
    async afterEpoch() {
      const saved = () => names(folder).filter((name) => !name.endsWith(".partial"));
      const before = saved();
      assertEquals((await inner.train()).status, "completed");
      await assertRejects(() => resumed.train(), Error, "another run saves its checkpoints there");
      await assertRejects(() => failing.train(), Error, "another run saves its checkpoints there");
      assertEquals(saved().filter((name) => before.includes(name)), before);
    },
  };
  await learnerOf([new Checkpoint(folder, ALL), meanwhile]).train();
  assertEquals(warnings.length, 4, "three batches and the end");
  // Behind the first run, the folder is free again.
  assertEquals((await inner.train()).status, "completed");
  assertEquals(warnings.length, 4);
});

testIn("Checkpoint in a folder that cannot be written continues, and says so", async () => {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const learner = learnerOf([new Checkpoint("/proc/run", { ...ALL, warn })]);
  assertEquals((await learner.train()).status, "completed");
  assert(warnings[0].startsWith("Could not save a checkpoint in /proc/run"), warnings[0]);
}, Deno.build.os !== "linux");

async function mount(...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** Where only root may mount, the writer that fails is tested anyway. */
function testOnTmpfs(name: string, test: (folder: string) => Promise<void>): void {
  testIn(name, async (folder) => {
    if (run !== "granted") return;
    await Deno.mkdir(folder);
    if (!await mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)) return;
    try {
      await test(folder);
    } finally {
      await new Deno.Command("umount", { args: [folder] }).output();
    }
  });
}

testOnTmpfs("Checkpoint on a small tmpfs that fills up keeps what is saved", async (folder) => {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const learner = learnerOf([new Checkpoint(folder, { ...ALL, warn })]);
  assertEquals((await learner.train({ epochs: 9 })).status, "completed");
  assert(warnings.length > 0 && names(folder).length > 1);
  for (const name of names(folder)) await loadCheckpoint(`${folder}/${name}`);
});

for (const onError of ["warn", "fail"] as const) {
  testOnTmpfs(`Checkpoint in a folder that becomes read-only [${onError}]`, async (folder) => {
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const lock: CallbackLike = {
      async afterEpoch({ epoch }) {
        // While a file is being written into it, a folder cannot be locked.
        while (epoch === 0 && !await mount("-o", "remount,ro", folder));
      },
    };
    const training = learnerOf([lock, new Checkpoint(folder, { ...ALL, onError, warn })])
      .train({ epochs: 2 });
    if (onError === "fail") await assertRejects(() => training, Error, "Read-only file system");
    else assertEquals((await training).status, "completed");
    assertEquals(warnings.length > 0, onError === "warn");
    assert(names(folder).length >= 2);
    for (const name of names(folder)) await loadCheckpoint(`${folder}/${name}`);
  });
}

testIn("Checkpoint removes nothing outside of its folder, whatever a file says", async (folder) => {
  let from: RunCheckpoint | undefined;
  const take: CallbackLike = {
    priority: Number.MAX_SAFE_INTEGER,
    async afterBatch(learner) {
      from ??= await learner.checkpoint();
    },
  };
  await learnerOf([new Checkpoint(folder, { ...ALL, last: 1, best: 1 }), take]).train();
  const outside = `${folder}/../precious.safetensors`;
  await Deno.writeTextFile(outside, "of another program");
  const text = JSON.stringify(from!.state).replace(
    /"own":\[[^\]]*\]/,
    '"own":["../precious.safetensors"]',
  );
  assert(text.includes("precious"), text);
  const state = JSON.parse(text);
  await learnerOf([new Checkpoint(folder, { ...ALL, last: 1 })]).train({
    from: { ...from!, state },
  });
  assertEquals(await Deno.readTextFile(outside), "of another program");
});

testIn("Checkpoint saves as time goes by", async (folder) => {
  await learnerOf([new Checkpoint(folder, { every: { minutes: 1e-9 }, last: 99 })]).train();
  assertEquals(names(folder).length, 3 + 1 + 3 + 1 + 1); // batches, ends of passes, the end
});

testIn("Checkpoint saves a training that is cancelled, which then stays so", async (folder) => {
  const cancel: CallbackLike = {
    afterBatch: ({ batchIndex }) => {
      if (batchIndex === 1) throw new CancelTrain("enough");
    },
  };
  const options = { every: {}, resume: "auto" } as const;
  const first = learnerOf([cancel, new Checkpoint(folder, options)]);
  assertEquals((await first.train({ epochs: 2 })).status, "cancelled");
  assertEquals(names(folder).length, 1);
  const second = learnerOf([new Checkpoint(folder, options)]);
  const { status, reason } = await second.train({ epochs: 2 });
  assertEquals([status, reason], ["cancelled", "enough"]);
  assertEquals(weights(second), weights(first));
});

testIn("Checkpoint that is added to a run which is taken up again saves it", async (folder) => {
  let from: RunCheckpoint | undefined;
  await learnerOf([{
    async afterBatch(learner) {
      from ??= await learner.checkpoint();
    },
  }]).train();
  await learnerOf([new Checkpoint(folder, ALL)]).train({ from });
  assertEquals(names(folder).length, 3); // two more batches, the end
});

testIn("Checkpoint writes while the training continues, one file at a time", async (folder) => {
  const { write } = OpenFile.prototype;
  const begun = Promise.withResolvers<void>();
  let writes = 0;
  let most = 0;
  OpenFile.prototype.write = async function (bytes, position) {
    writes++;
    await begun.promise;
    return await write.call(this, bytes, position);
  };
  const count = () => {
    most = Math.max(most, names(folder).filter((name) => name.endsWith(".partial")).length);
  };
  const next: CallbackLike = {
    async beforeBatch({ epoch, batchIndex }) {
      count();
      if (epoch !== 0 || batchIndex !== 1) return;
      // The first file cannot be written before the second batch has begun.
      while (writes === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      count();
      assertEquals(names(folder).length, 1);
      begun.resolve();
    },
  };
  try {
    await Deno.mkdir(folder);
    await learnerOf([next, new Checkpoint(folder, ALL)]).train({ epochs: 3 });
  } finally {
    OpenFile.prototype.write = write;
  }
  assertEquals(most, 1);
  assertEquals(names(folder).length, 10);
  for (const name of names(folder)) await loadCheckpoint(`${folder}/${name}`);
});

testIn("Checkpoint saves nothing of a validation alone", async (folder) => {
  const learner = learnerOf([new Checkpoint(folder, { best: 1, every: { minutes: 1e-9 } })]);
  await learner.validate();
  await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
});

Deno.test("Checkpoint refuses numbers out of range", () => {
  const wrong: CheckpointOptions[] = [
    { last: 0 },
    { best: -1 },
    { every: { batches: 0.5 } },
    { every: { epochs: 0 } },
    { every: { minutes: 0 } },
  ];
  for (const options of wrong) {
    assertThrows(() => new Checkpoint("x", options), RangeError, "Cannot save checkpoints as");
  }
  assertThrows(() => new Checkpoint("https://example.com"), TypeError, "its URL must begin with");
});
