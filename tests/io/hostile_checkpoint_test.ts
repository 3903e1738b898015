/**
 * Checkpoints with a right checksum and wrong content: each field in turn is removed, or holds a value
 * of another kind.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  accuracy,
  adam,
  type AnyLearner,
  Checkpoint,
  crossEntropy,
  Learner,
  loadCheckpoint,
  Metrics,
  Recorder,
  type RunCheckpoint,
  saveCheckpoint,
  StorageError,
  tf,
  withSeed,
} from "../../mod.ts";
import {
  ActivationStats,
  ConfusionMatrix,
  EarlyStopping,
  GradientAccumulation,
  LearningRateSchedule,
  LimitBatches,
  MaxSteps,
  MaxTime,
  ReduceOnPlateau,
  schedules,
  Timer,
  WeightAverage,
} from "../../callbacks.ts";
import { f1, rocAuc } from "../../metrics.ts";
import { type HostTensor, writeSafetensors } from "../../io.ts";
import { checkpointName } from "../../src/io/checkpoint_file.ts";
import { decodeState, encodeState } from "../../src/io/state_codec.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

await tf.setBackend("cpu");

type Json = Record<string, unknown>;

/** A Learner with every callback that has a state, and its disposal. */
function busyLearner(kind: "adam" | "stock" = "adam"): { learner: AnyLearner; dispose(): void } {
  const layers = () => [
    tf.layers.dense({ units: 3, inputShape: [2], activation: "tanh" }),
    tf.layers.dropout({ rate: 0.2 }),
    tf.layers.dense({ units: 2 }),
  ];
  const model = withSeed(1, () => tf.sequential({ layers: layers() }));
  const optimizer = kind === "adam" ? adam(0.01) : tf.train.adam(0.01);
  const batches = (count: number) =>
    function* () {
      for (let index = 0; index < count; index++) {
        const data = tf.tensor2d([[index, 1], [-1, index], [0.5, 0]]);
        yield [data, tf.tensor1d([0, 1, index % 2], "int32")] as const;
      }
    };
  const byRate = kind === "adam"
    ? new LearningRateSchedule(schedules.cosine(0.01), { by: "epoch" })
    : new ReduceOnPlateau({ monitor: "train.loss" });
  const learner: AnyLearner = new Learner({
    model,
    optimizer,
    lossFunction: crossEntropy,
    dataloaders: { train: batches(4), validation: batches(2) },
    seed: 3,
    callbacks: [
      new Metrics({ accuracy, f1: f1(), auc: rocAuc() }),
      new ConfusionMatrix(),
      new ActivationStats({ every: 1, bins: 2 }),
      new LimitBatches({ train: 3 }),
      new MaxSteps(1000),
      new MaxTime(1000),
      new GradientAccumulation(2),
      byRate,
      new WeightAverage(),
      new EarlyStopping({ patience: 9, restoreBest: true }),
      new Recorder(),
      new Timer(),
    ],
  });
  return {
    learner,
    dispose() {
      model.dispose();
      optimizer.dispose();
    },
  };
}

/** Takes a checkpoint in a hook of the second epoch. */
async function taken(hook: "afterBatch" | "afterValidate", kind?: "stock"): Promise<RunCheckpoint> {
  const { learner, dispose } = busyLearner(kind);
  let checkpoint: RunCheckpoint | undefined;
  learner.callbacks.push({
    priority: -1e9, // before all others, whose hooks a resumed run then calls
    async [hook](learner: AnyLearner) {
      if (learner.epoch === 1) checkpoint ??= await learner.checkpoint();
    },
  });
  await learner.train({ epochs: 2 });
  dispose();
  return checkpoint!;
}

/** Every path in a JSON value; of an array, only the first two elements. */
function* pathsOf(value: unknown, path: string[] = []): Generator<string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  const entries = Object.entries(value);
  for (const [key, inner] of Array.isArray(value) ? entries.slice(0, 2) : entries) {
    yield* pathsOf(inner, [...path, key]);
  }
}

/** The values that take the place of a field; `undefined` removes it. */
const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  true,
  "",
  "x",
  -1,
  0.5,
  1e300,
  [],
  [[]],
  {},
  { $number: "NaN" },
  { $number: "x" },
  { $undefined: true },
  { $map: [] },
  { $map: 3 },
  { $set: {} },
  { $tensor: "none" },
  { $function: "alert" },
];

/**
 * Values that a checkpoint may hold, though some callbacks of this Learner cannot use them: labels of
 * any kind, or none, and any metrics.
 */
function isLegitimate(name: string): boolean {
  return name.startsWith("state.run.batch.slots.labels") ||
    /^state\.fields\.metrics(\S+ = undefined$| = \{\}$)/.test(name);
}

function replaced(checkpoint: RunCheckpoint, path: string[], value: unknown): RunCheckpoint {
  const { tensors, ...rest } = checkpoint;
  const copy = structuredClone(rest) as unknown as Json;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Json;
  const last = path.at(-1)!;
  if (value === undefined) delete at[last];
  else at[last] = structuredClone(value);
  return { ...copy, tensors } as unknown as RunCheckpoint;
}

/** Everything of a Learner that a refused checkpoint may not change. */
function look({ model, optimizer, callbacks, epoch, epochs, ...fields }: AnyLearner): unknown {
  const { phase, metrics, trainLoss, seed, limits, batchSize } = fields;
  return {
    weights: (model as tf.LayersModel).getWeights().map((weight) => [...weight.dataSync()]),
    iterations: optimizer.iterations,
    callbacks: callbacks.length,
    fields: structuredClone({ epoch, epochs, phase, metrics, trainLoss, seed, limits, batchSize }),
    tensors: tf.memory().numTensors,
  };
}

for (
  const [hook, kind] of [["afterBatch"], ["afterValidate"], ["afterBatch", "stock"]] as const
) {
  Deno.test(
    `Learner.train({ from }) refuses a wrong value in each field, or works [${hook}, ${
      kind ?? "adam"
    }]`,
    async () => {
      const { numTensors } = tf.memory();
      const uncaught: unknown[] = [];
      const onError = (event: ErrorEvent | PromiseRejectionEvent) => {
        event.preventDefault();
        uncaught.push("error" in event ? event.error : event.reason);
      };
      addEventListener("error", onError);
      addEventListener("unhandledrejection", onError);
      const checkpoint = await taken(hook, kind);
      const { tensors: _, ...json } = checkpoint;
      let refused = 0, accepted = 0;
      for (const path of pathsOf(json)) {
        let busy = busyLearner(kind);
        for (const value of HOSTILE) {
          const { learner, dispose } = busy;
          const name = `${path.join(".")} = ${JSON.stringify(value)}`;
          if (isLegitimate(name)) continue;
          const before = look(learner);
          try {
            await learner.train({ from: replaced(checkpoint, path, value) });
            accepted++;
            dispose();
            busy = busyLearner(kind); // the old one has changed
          } catch (error) {
            assert(error instanceof StorageError, `${name}: ${error}`);
            const isNamed = path.some((key) => error.message.includes(key));
            assert(error.problem === "mismatch" || isNamed, `${name}: ${error.message}`);
            assertEquals(look(learner), before, name);
            refused++;
          }
        }
        busy.dispose();
      }
      removeEventListener("error", onError);
      removeEventListener("unhandledrejection", onError);
      assertEquals(uncaught, []);
      assert(refused > 2000 && accepted < refused / 5, `${refused} refused, ${accepted} accepted`);
      assertEquals(tf.memory().numTensors, numTensors);
    },
  );
}

Deno.test("Learner.train({ from }) puts everything back if a callback's restore() throws", async () => {
  const { numTensors } = tf.memory();
  const checkpoint = await taken("afterBatch");
  const { learner, dispose } = busyLearner();
  await learner.train({ epochs: 1 }); // so that there is something to put back
  const own: unknown[] = [];
  learner.callbacks.push({
    name: "Timer", // the last one in the checkpoint
    state: () => ({ mine: 1 }),
    restore(state) {
      own.push(state);
      if (own.length === 1) throw new Error("another version");
    },
  });
  learner.callbacks.splice(learner.callbacks.findIndex(({ name }) => name === "Timer"), 1);
  const states = () => learner.callbacks.map((callback) => JSON.stringify(callback.state?.()));
  const [before, statesBefore] = [look(learner), states().slice(0, -2)];
  const error = await assertRejects(() => learner.train({ from: checkpoint }));
  assertEquals(error.message, "another version");
  assertEquals(look(learner), before);
  assertEquals(states().slice(0, -2), statesBefore); // Recorder counts seconds
  assertEquals(own.at(-1), { mine: 1 });
  await learner.train({ epochs: 1 });
  dispose();
  assertEquals(tf.memory().numTensors, numTensors);
});

testInFolder(
  'resume: "auto" takes the checkpoint before a damaged one, and says why',
  async (folder) => {
    const good = await taken("afterBatch");
    const save = (checkpoint: RunCheckpoint, number: number) =>
      saveCheckpoint(`${folder}/${checkpointName(number, good)}`, checkpoint);
    await save(good, 1);
    const bad: [string[], unknown][] = [
      [["state", "run", "loader", "taken"], -1],
      [["state", "run", "pump", "snapshot", "context", "cancelled"], undefined],
      [["state", "callbacks", "0", "state", "examples"], "many"],
      [["state", "optimizer", "slots"], {}],
      [["versions"], null],
    ];
    for (const [index, [path, value]] of bad.entries()) {
      await save(replaced(good, path, value), index + 2);
    }
    const { learner, dispose } = busyLearner();
    const warnings: string[] = [];
    const logged: string[] = [];
    learner.callbacks.push(
      new Checkpoint(folder, {
        resume: "auto",
        warn: (message) => warnings.push(message),
        log: (message) => logged.push(message),
      }),
    );
    const { status } = await learner.train({ epochs: 2 });
    assertEquals(status, "completed");
    assertEquals(warnings.length, bad.length);
    for (const [index, [path]] of bad.toReversed().entries()) {
      assertStringIncludes(warnings[index], "Skipped the damaged checkpoint");
      assertStringIncludes(warnings[index], path.at(-1)!);
    }
    assertStringIncludes(logged[0], checkpointName(1, good));
    dispose();
  },
);

testInFolder(
  "loadCheckpoint() refuses JSON that is no checkpoint, or nested without an end",
  async (folder) => {
    const path = `${folder}/checkpoint.safetensors`;
    const [open, close] = ["[".repeat(1e6), "]".repeat(1e6)];
    const texts = ["", "{", "null", "3", "[]", "{}", '{"format":1}', '{"format":"1"}', open];
    for (const checkpoint of [...texts, open + close, `{"format":1,"state":${open}${close}}`]) {
      await writeSafetensors(path, new Map(), { format: "trainchart", checkpoint });
      const error = await assertRejects(() => loadCheckpoint(path), StorageError);
      assertEquals(error.problem, "damaged", checkpoint.slice(0, 40));
    }
    const text = new TextEncoder().encode(`{"__metadata__":${open}${close}}`);
    const bytes = new Uint8Array(8 + text.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    await Deno.writeFile(path, bytes);
    const error = await assertRejects(() => loadCheckpoint(path), StorageError);
    assertStringIncludes(String(error.cause), "nested at most 3 deep");
  },
);

Deno.test("Learner.train({ from }) uses each tensor of a checkpoint once", async () => {
  const checkpoint = await taken("afterBatch");
  const json = JSON.stringify(checkpoint.state);
  const [first, second] = [...json.matchAll(/"\$tensor":"([^"]+)"/g)].map(([, name]) => name);
  const state = JSON.parse(json.replace(`"${second}"`, `"${first}"`));
  const { learner, dispose } = busyLearner();
  await assertRejects(
    () => learner.train({ from: { ...checkpoint, state } }),
    StorageError,
    `must refer to a tensor of its own: current value is "${first}"`,
  );
  dispose();
});

testTensors(
  "a state of a callback keeps maps whose keys look alike, and is nested at most 200 deep",
  () => {
    const tensors = new Map<string, tf.Tensor | HostTensor>();
    const values = [Float32Array.of(1), Float32Array.of(2)];
    const json = encodeState(
      new Map<unknown, unknown>([[1, values[0]], ["1", values[1]]]),
      "s",
      tensors,
    );
    const decoded = decodeState(json, tensors as Map<string, HostTensor>);
    assertEquals(decoded, new Map<unknown, unknown>([[1, values[0]], ["1", values[1]]]));
    const nested = (depth: number): unknown => depth === 0 ? 3 : [nested(depth - 1)];
    const deep = encodeState(nested(200), "s", tensors);
    assertEquals(decodeState(deep, new Map()), nested(200));
    assertThrows(() => encodeState(nested(201), "s", tensors), TypeError, "at most 200 deep");
    assertThrows(() => decodeState(nested(202), new Map()), StorageError, "at most 200 deep");
  },
);
