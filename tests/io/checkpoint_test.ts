import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  adam,
  type CallbackLike,
  Learner,
  loadCheckpoint,
  meanSquaredError,
  type RunCheckpoint,
  saveCheckpoint,
  sgd,
  StorageError,
  tf,
  withSeed,
} from "../../mod.ts";
import { SafetensorsFile, writeSafetensors } from "../../io.ts";

const { state: write } = await Deno.permissions.query({ name: "write" });

function learnerOf(
  { units = 1, optimizer = adam(0.1) as tf.Optimizer, callbacks = [] as CallbackLike[] } = {},
): Learner {
  const model = withSeed(1, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, inputShape: [1] }),
        tf.layers.dropout({ rate: 0.5 }),
        tf.layers.dense({ units }),
      ],
    }));
  const batches = function* () {
    for (let i = 0; i < 4; i++) {
      yield [tf.tensor2d([[i], [i + 1]]), tf.ones([2, units])] as [tf.Tensor, tf.Tensor];
    }
  };
  return new Learner({
    model,
    optimizer,
    lossFunction: meanSquaredError,
    dataloaders: { train: batches },
    callbacks,
    seed: 3,
  });
}

async function taken(): Promise<RunCheckpoint> {
  let checkpoint: RunCheckpoint | undefined;
  const callbacks: CallbackLike[] = [{
    async afterBatch(learner) {
      if (learner.batchIndex === 1) checkpoint = await learner.checkpoint();
    },
  }];
  await learnerOf({ callbacks }).train();
  return checkpoint!;
}

const bytes = (learner: Learner) =>
  (learner.model as tf.LayersModel).getWeights().map((weight) => weight.dataSync().slice());

Deno.test("Learner.checkpoint() of a paused run resumes with the batch that waits", async () => {
  const whole = learnerOf();
  await whole.train({ epochs: 2 });
  const learner = learnerOf({
    callbacks: [{
      afterBatch(learner) {
        if (learner.epoch === 1 && learner.batchIndex === 1) learner.pause();
      },
    }],
  });
  const running = learner.train({ epochs: 2 });
  while (!learner.actor!.getSnapshot().hasTag("paused")) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const paused = await learner.checkpoint();
  learner.resume();
  await running;
  assertEquals(bytes(learner), bytes(whole));
  const resumed = learnerOf();
  const { status, epochs } = await resumed.train({ from: paused });
  assertEquals([status, epochs], ["completed", 2]);
  assertEquals(bytes(resumed), bytes(whole));
});

Deno.test("Learner.checkpoint() refuses to be taken in the middle of a batch, or idle", async () => {
  const errors: string[] = [];
  const attempt = async (learner: Learner) => {
    errors.push((await assertRejects(() => learner.checkpoint(), Error)).message);
  };
  const learner = learnerOf({ callbacks: [{ beforeBatch: attempt, afterStep: attempt }] });
  await attempt(learner);
  await learner.train();
  assertEquals(errors.length, 9);
  assertEquals(
    errors[0],
    'Cannot take a checkpoint: no training is in progress (current phase is "idle"). ' +
      "Take it in an after hook, or while the training is paused.",
  );
  assertEquals(
    errors[1],
    "Cannot take a checkpoint: the run is in beforeBatch, from where no other run could continue. " +
      "Take it in an after hook, or while paused.",
  );
});

Deno.test("Learner.train({ from }) lists all that differs, and changes nothing", async () => {
  const from = await taken();
  const learner = learnerOf({ units: 2, optimizer: sgd(0.1) });
  learner.seed = 4;
  const before = bytes(learner);
  const error = await assertRejects(() => learner.train({ from }), StorageError);
  assertEquals(error.problem, "mismatch");
  assertMatch(
    error.differences[0],
    /^layer \d is Dense units 1 in the checkpoint, Dense units 2 in the model$/,
  );
  assertEquals(error.differences.slice(-4).map((line) => line.replace(/dense_\w+\//, "")), [
    "weight kernel is [4,1] float32 in the checkpoint, [4,2] float32 in the model",
    "weight bias is [1] float32 in the checkpoint, [2] float32 in the model",
    "the optimizer was TrainchartAdam, it is TrainchartSgd",
    "the seed was 3, it is 4",
  ]);
  assertEquals(bytes(learner), before);
  const weights = new Map(from.tensors);
  const [name] = [...weights.keys()].filter((name) => name.startsWith("weights/"));
  weights.set(name, { dtype: "I32", shape: [1, 4], values: new Int32Array(4) });
  const other = await assertRejects(
    () => learnerOf().train({ from: { ...from, tensors: weights } }),
    StorageError,
  );
  assert(other.differences[0].endsWith("must be [1,4] float32, it is [1,4] I32"), other.message);
});

Deno.test("Learner.train({ from }) refuses a checkpoint whose stateful callback is missing", async () => {
  let checkpoint: RunCheckpoint | undefined;
  const stateful: CallbackLike = {
    name: "Counter",
    state: () => ({ count: NaN, names: new Map([["a", new Set([1n].map(String))]]), $odd: -0 }),
    restore: (state) => assertEquals(Object.is(state.$odd, -0) && state.count, NaN),
    async afterEpoch(learner) {
      checkpoint = await learner.checkpoint();
    },
  };
  await learnerOf({ callbacks: [stateful] }).train();
  const error = await assertRejects(() => learnerOf().train({ from: checkpoint }), StorageError);
  assertEquals(error.differences, ["callback Counter has a state, and is missing"]);
  await learnerOf({ callbacks: [stateful] }).train({ from: checkpoint });
});

Deno.test("loadCheckpoint() refuses newer formats and files without one", {
  ignore: write !== "granted",
}, async () => {
  const checkpoint = await taken();
  const path = await Deno.makeTempFile();
  await saveCheckpoint(path, checkpoint);
  assertEquals(await loadCheckpoint(path), checkpoint);
  const learner = learnerOf();
  const { model, optimizer, lossFunction, dataloaders } = learner;
  const other = new Learner({ model, optimizer, lossFunction, dataloaders, seed: 3 });
  await other.train({ from: path });
  const whole = learnerOf();
  await whole.train();
  assertEquals(bytes(learner), bytes(whole));
  await saveCheckpoint(path, { ...checkpoint, format: 2 });
  const newer = await assertRejects(() => loadCheckpoint(path), StorageError, "newer version");
  assertEquals(newer.problem, "version");
  await writeSafetensors(path, checkpoint.tensors);
  await assertRejects(() => loadCheckpoint(path), StorageError, "it has only tensors");
  (await SafetensorsFile.open(path)).close();
  await Deno.remove(path);
});

Deno.test("loadCheckpoint() detects a file that is truncated at any kilobyte", {
  ignore: write !== "granted",
}, async () => {
  const path = await Deno.makeTempFile();
  await saveCheckpoint(path, await taken());
  const whole = await Deno.readFile(path);
  assert(whole.length > 4096);
  for (let length = 0; length < whole.length; length += 1024) {
    await Deno.writeFile(path, whole.subarray(0, length));
    const error = await assertRejects(() => loadCheckpoint(path), StorageError);
    assertEquals(error.problem, "damaged");
  }
  await Deno.remove(path);
});

Deno.test("a checkpoint loads no code, and sets nothing that is not part of a run", async () => {
  const optimizer = tf.train.adam(0.1);
  let from: RunCheckpoint | undefined;
  await learnerOf({
    optimizer,
    callbacks: [{
      async afterBatch(learner) {
        from ??= await learner.checkpoint();
      },
    }],
  }).train();
  const insert = (own: string, fields: string) => {
    const pattern = new RegExp(`("(?:${fields})":\\{)(\\}?)`, "g");
    const text = JSON.stringify(from!.state)
      .replace(pattern, (_, start, end) => start + own + (end || ","));
    return { ...from!, state: JSON.parse(text) };
  };
  for (const own of ['"__proto__":{"$map":[]}', '"constructor":"x"', '"callbacks":[1]']) {
    await assertRejects(
      () => learnerOf({ optimizer: tf.train.adam(0.1) }).train({ from: insert(own, "metrics") }),
      StorageError,
      "state.fields.metrics.",
    );
  }
  const hostile = insert('"__proto__":[],"constructor":[],"applyGradients":[]', "fields");
  assertEquals(JSON.stringify(hostile.state).split('"applyGradients"').length, 3); // Learner, optimizer
  const target = tf.train.adam(0.1);
  const learner = learnerOf({ optimizer: target });
  await learner.train({ from: hostile });
  assert(Object.getPrototypeOf(learner) === Learner.prototype && learner.callbacks.length === 0);
  assertEquals(Object.getPrototypeOf(target), Object.getPrototypeOf(optimizer));
  assert(!Object.hasOwn(target, "applyGradients") && !Object.hasOwn(target, "constructor"));
  assertEquals(({} as Record<string, unknown>).callbacks, undefined);
});
