/**
 * What one rank does for the benchmark of scaling: `train MODEL STEPS` or `reduce BYTES…`.
 *
 * @module
 */
import {
  crossEntropy,
  DataLoader,
  Learner,
  selectBackend,
  sgd,
  TensorDataset,
  tf,
} from "../../mod.ts";
import { DataParallel, mpi, type World } from "../../distributed.ts";
import { median } from "./median.ts";
import { models } from "./models.ts";

/** What training gives. */
export interface Trained {
  /** Examples in a second, of this process, by the median of its steps. */
  speed: number;
  /** Of the time of a step, what the slowest rank spends in exchanging gradients. */
  share: number;
  /** How long each step took, s. */
  steps: number[];
  /** How many numbers the gradients have, and in how many tensors. */
  parameters: number;
  tensors: number;
}

const BATCH = 256, WARM = 5;

const [task, ...rest] = Deno.args;
const world = await mpi();
const result = task === "train" ? await train(rest[0], Number(rest[1])) : reduce(rest.map(Number));
if (world.rank === 0) console.log(JSON.stringify(result));

async function train(kind: string, steps: number): Promise<Trained> {
  await selectBackend({ prefer: "wasm", quiet: true });
  const examples = BATCH * world.size * (steps + WARM);
  const values = Float32Array.from({ length: 784 * 4096 }, (_, index) => Math.sin(index));
  const dataset = new TensorDataset({
    data: { values, shape: [4096, ...models[kind].shape] },
    labels: { values: Int32Array.from({ length: 4096 }, (_, index) => index % 10), shape: [4096] },
  });
  const model = models[kind].build();
  const weights = model.trainableWeights;
  const row = 1 + weights.length;
  /** Of each step: how long it took, and then each of its exchanges, ms. */
  const times = new Float64Array(row * (steps + WARM));
  let step = -1;
  let calls = 0;
  let before = 0;
  const timed: World = {
    ...{ rank: world.rank, size: world.size, library: world.library },
    reduce: (...args) => {
      const began = performance.now();
      world.reduce(...args);
      if (step >= 0 && calls < row) times[row * step + calls++] = performance.now() - began;
    },
    broadcast: (...args) => world.broadcast(...args),
    gather: (...args) => world.gather(...args),
    barrier: () => world.barrier(),
    abort: (code) => world.abort(code),
    watch: (work) => world.watch(work),
  };
  const learner = new Learner({
    model,
    optimizer: sgd(0.01),
    lossFunction: crossEntropy,
    dataloaders: {
      train: new DataLoader({
        dataset: {
          length: examples,
          batch: (indices) => dataset.batch(indices.map((index) => index % 4096)),
        },
        batchSize: BATCH,
      }),
    },
    callbacks: [
      {
        beforeBatch: () => {
          step++;
          calls = 1;
        },
        afterBatch: () => {
          const now = performance.now();
          times[row * step] = now - before;
          before = now;
        },
      },
      new DataParallel(timed),
    ],
    seed: 1,
  });
  await learner.train();
  const all = world.gather(times);
  const from = (rank: number, index: number, column: number) =>
    all[rank * times.length + row * (WARM + index) + column];
  const own = Array.from({ length: steps }, (_, index) => from(world.rank, index, 0));
  // Who comes last waits for nobody: what that one spends is the exchange, the rest is waiting.
  const ranks = Array.from({ length: world.size }, (_, rank) => rank);
  const exchanges = own.map((_, index) =>
    weights.reduce(
      (sum, _, call) => sum + Math.min(...ranks.map((rank) => from(rank, index, 1 + call))),
      0,
    )
  );
  return {
    speed: 1000 * BATCH / median(own),
    share: median(exchanges) / median(own),
    steps: own.map((time) => time / 1000),
    parameters: weights.reduce(
      (sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]),
      0,
    ),
    tensors: weights.length,
  };
}

/** The median time of an allreduce of so many bytes, µs. */
function reduce(sizes: number[]): number[] {
  return sizes.map((bytes) => {
    const values = new Float32Array(bytes / 4);
    const times: number[] = [];
    const count = bytes < 2 ** 20 ? 200 : bytes < 2 ** 26 ? 20 : 5;
    for (let turn = -2; turn < count; turn++) {
      world.barrier();
      const began = performance.now();
      world.reduce(values);
      if (turn >= 0) times.push(1000 * (performance.now() - began));
    }
    return median(times);
  });
}
