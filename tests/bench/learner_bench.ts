/**
 * The cost of a Learner beside the computing itself.
 *
 * ```sh
 * deno task bench
 * deno task bench --profile   # a compiled step by its parts: playback, update, Learner
 * ```
 *
 * @module
 */
import { cpuUsage } from "node:process";
import {
  adam,
  crossEntropy,
  DataLoader,
  Learner,
  selectBackend,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";
import { HOOK_NAMES } from "../../src/chart/hooks.ts";
import { runEmpty } from "./empty_run.ts";
import { median } from "./median.ts";
import { models } from "./models.ts";
import { profileSteps } from "./profile_step.ts";

declare const gc: () => void;

/** CPU time of all threads per batch, µs. */
async function costOfBatch(callbacks: object[]): Promise<number> {
  const count = 20_000;
  await runEmpty(count, callbacks);
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const before = cpuUsage();
    await runEmpty(count, callbacks);
    const { user, system } = cpuUsage(before);
    rounds.push((user + system) / count);
  }
  return median(rounds);
}

/** Growth of the heap between batch 20,000 and batch 200,000, MB. */
async function heapGrowth(): Promise<number> {
  let batch = 0;
  let early = 0;
  let late = 0;
  const heap = () => (gc(), gc(), Deno.memoryUsage().heapUsed / 2 ** 20);
  await runEmpty(200_001, [{
    afterBatch() {
      batch++;
      if (batch === 20_000) early = heap();
      if (batch === 200_000) late = heap();
    },
  }]);
  return late - early;
}

/** The median time of a Learner's epoch over that of a hand-written loop, rounds interleaved. */
async function ratioToBareLoop(rounds: number): Promise<number> {
  const steps = 240;
  const dataset = new TensorDataset({
    data: { values: new Float32Array(steps * 64 * 784).fill(0.5), shape: [steps * 64, 784] },
    labels: { values: new Int32Array(steps * 64), shape: [steps * 64] },
  });
  const loader = new DataLoader({ dataset, batchSize: 64 });
  const learner = new Learner({
    model: withSeed(1, models.mlp.build),
    optimizer: adam(1e-3),
    lossFunction: crossEntropy,
    dataloaders: { train: loader },
  });
  const model = withSeed(1, models.mlp.build);
  const optimizer = adam(1e-3);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const bare = () => {
    for (const { data, labels } of loader.iterate({ epoch: 0 })) {
      const { value, grads } = tf.variableGrads(
        () =>
          crossEntropy(
            model.apply(data, { training: true }) as tf.Tensor,
            labels as tf.Tensor,
          ) as tf.Scalar,
        variables,
      );
      optimizer.applyGradients(grads);
      tf.dispose([value, grads, data, labels]);
    }
  };
  const timeOf = async (work: () => unknown) => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const ratios: number[] = [];
  for (let round = -3; round < rounds; round++) {
    // Each takes the first turn every other time: the second one finds the caches warm.
    let [ours, theirs] = [0, 0];
    if (round % 2) ours = await timeOf(() => learner.train());
    theirs = await timeOf(bare);
    if (!(round % 2)) ours = await timeOf(() => learner.train());
    if (round >= 0) ratios.push(ours / theirs);
  }
  return median(ratios);
}

const ten = Array.from({ length: 10 }, (_, index) => {
  const hooks = HOOK_NAMES.filter((hook) => hook.endsWith("Batch") && hook !== "onCancelBatch");
  return { priority: index, ...Object.fromEntries(hooks.map((hook) => [hook, () => {}])) };
});

const choice = await selectBackend({ prefer: "wasm" });
console.log(`backend: ${choice.name}`);
if (Deno.args.includes("--profile")) {
  console.log(await profileSteps(["tiny", "mlp", "cnn"]));
  Deno.exit(0);
}
// First, as empty runs would teach the engine's compiler what no training needs.
console.log(
  `Learner over bare loop, MLP at batch 64: ${(await ratioToBareLoop(41)).toFixed(3)} (<= 1.03)`,
);
console.log(`CPU per batch, no callbacks: ${(await costOfBatch([])).toFixed(1)} µs (<= 40)`);
console.log(`CPU per batch, ten callbacks: ${(await costOfBatch(ten)).toFixed(1)} µs (<= 60)`);
console.log(`heap after 200,000 batches over 20,000: ${(await heapGrowth()).toFixed(2)} MB (<= 2)`);
