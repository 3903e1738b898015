/**
 * What one rank does for the benchmark of scaling: `train STEPS` or `reduce BYTES…`.
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

/** What training gives. */
export interface Trained {
  /** Examples in a second, of this process. */
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

const [task, ...numbers] = Deno.args;
const world = await mpi();
const result = task === "train" ? await train(Number(numbers[0])) : reduce(numbers.map(Number));
if (world.rank === 0) console.log(JSON.stringify(result));

async function train(steps: number): Promise<Trained> {
  await selectBackend({ prefer: "wasm", quiet: true });
  const { dense } = tf.layers;
  const examples = BATCH * world.size * (steps + WARM);
  const values = Float32Array.from({ length: 784 * 4096 }, (_, index) => Math.sin(index));
  const dataset = new TensorDataset({
    data: { values, shape: [4096, 784] },
    labels: { values: Int32Array.from({ length: 4096 }, (_, index) => index % 10), shape: [4096] },
  });
  /** Of each step: how long it took, and how long the exchange, ms. */
  const times = new Float64Array(2 * (steps + WARM));
  let step = -1;
  let began = 0;
  const timed: World = {
    ...{ rank: world.rank, size: world.size, library: world.library },
    reduce: (...args) => {
      const before = performance.now();
      world.reduce(...args);
      if (step >= 0) times[2 * step + 1] += performance.now() - before;
    },
    broadcast: (...args) => world.broadcast(...args),
    gather: (...args) => world.gather(...args),
    barrier: () => world.barrier(),
    abort: (code) => world.abort(code),
    watch: (work) => world.watch(work),
  };
  const model = tf.sequential({
    layers: [
      dense({ inputShape: [784], units: 512, activation: "relu" }),
      dense({ units: 256, activation: "relu" }),
      dense({ units: 10 }),
    ],
  });
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
          began = performance.now();
        },
        afterBatch: () => void (times[2 * step] = performance.now() - began),
      },
      new DataParallel(timed),
    ],
    seed: 1,
  });
  await learner.train();
  const all = world.gather(times);
  let total = 0;
  let exchange = 0;
  for (let at = WARM; at < steps + WARM; at++) {
    total += times[2 * at];
    // Who comes last waits for nobody: what that one spends is the exchange, the rest is waiting.
    exchange += Math.min(
      ...Array.from({ length: world.size }, (_, rank) => all[rank * times.length + 2 * at + 1]),
    );
  }
  const weights = model.trainableWeights;
  return {
    speed: 1000 * BATCH * steps / total,
    share: exchange / total,
    steps: Array.from({ length: steps }, (_, index) => times[2 * (WARM + index)] / 1000),
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
