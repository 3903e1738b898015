/**
 * The work of one rank for the benchmarks of scaling: `train MODEL STEPS ROUNDS` or `reduce BYTES…`.
 *
 * @module
 */
import { crossEntropy, DataLoader, Learner, selectBackend, sgd, TensorDataset } from "../../mod.ts";
import { DataParallel, mpi, type World } from "../../distributed.ts";
import { median } from "./median.ts";
import { models } from "./models.ts";

/** The result of training: times of steps, ms. */
export interface Trained {
  /** Times of each round. */
  rounds: {
    /** Rank 0, while the others sleep. */
    alone: number[];
    /** Each rank, while all of them train models of their own. */
    apart: number[][];
    /** All ranks, with one model. */
    together: number[];
    /** The part of each that is the exchange of gradients, on the rank that waits for no other. */
    exchange: number[];
  }[];
  /** Number of elements of all gradients, and number of messages. */
  parameters: number;
  messages: number;
}

const BATCH = 256, WARM = 2;

const world = await mpi();

async function train(kind: string, steps: number, count: number): Promise<Trained> {
  await selectBackend({ prefer: "wasm", quiet: true });
  const whileOthersSleep = await sleeper();
  const exchanges = new Exchanges();
  const own = trainer(kind, steps);
  const joint = trainer(kind, steps, exchanges);
  const rounds: Trained["rounds"] = [];
  let messages = 0;
  // In the first round, everything is compiled and remembered.
  for (let round = -1; round < count; round++) {
    const alone = await whileOthersSleep(own.train) ?? [];
    world.barrier();
    const apart = gatherRows(await own.train());
    exchanges.times = [];
    const together = await joint.train();
    messages = exchanges.times.length / (WARM + steps);
    const spent = gatherRows(exchanges.times);
    const exchange = together.map((_, step) => {
      let sum = 0;
      for (let call = (WARM + step) * messages; call < (WARM + step + 1) * messages; call++) {
        sum += Math.min(...spent.map((times) => times[call]));
      }
      return sum;
    });
    if (round >= 0) rounds.push({ alone, apart, together, exchange });
  }
  return { rounds, parameters: joint.parameters, messages };
}

/** A model in training, which tells how long its steps have taken. */
function trainer(kind: string, steps: number, exchanges?: Exchanges) {
  const ranks = exchanges ? world.size : 1;
  const values = Float32Array.from({ length: 784 * 4096 }, (_, index) => Math.sin(index));
  const dataset = new TensorDataset({
    data: { values, shape: [4096, ...models[kind].shape] },
    labels: { values: Int32Array.from({ length: 4096 }, (_, index) => index % 10), shape: [4096] },
  });
  const model = models[kind].build();
  let before = 0;
  let times: number[] = [];
  const learner = new Learner({
    model,
    optimizer: sgd(0.01),
    lossFunction: crossEntropy,
    dataloaders: {
      train: new DataLoader({
        dataset: {
          length: BATCH * ranks * (steps + WARM),
          batch: (indices) => dataset.batch(indices.map((index) => index % 4096)),
        },
        batchSize: BATCH,
      }),
    },
    callbacks: [
      {
        afterBatch: () => {
          const now = performance.now();
          times.push(now - before);
          before = now;
        },
      },
      ...exchanges ? [new DataParallel(exchanges)] : [],
    ],
    seed: 1,
  });
  const parameters = model.countParams();
  const train = async () => {
    times = [];
    await learner.train();
    return times.slice(WARM);
  };
  return { parameters, train };
}

/** The world, with a clock at each message that gradients are in. */
class Exchanges implements World {
  readonly rank: number = world.rank;
  readonly size: number = world.size;
  readonly library: string = world.library;
  /** Time of each message, ms, step by step. */
  times: number[] = [];

  reduce(...args: Parameters<World["reduce"]>): void {
    const began = performance.now();
    world.reduce(...args);
    if (args[0] instanceof Float32Array) this.times.push(performance.now() - began);
  }
  broadcast(...args: Parameters<World["broadcast"]>): void {
    world.broadcast(...args);
  }
  gather(...args: Parameters<World["gather"]>): Float64Array {
    return world.gather(...args);
  }
  barrier(): void {
    world.barrier();
  }
  abort(code: number): never {
    return world.abort(code);
  }
  watch(work: string): () => void {
    return world.watch(work);
  }
}

/** The numbers of each rank, in order: the same count from each. */
function gatherRows(values: number[]): number[][] {
  const all = world.gather(Float64Array.from(values));
  return Array.from(
    { length: world.size },
    (_, rank) => [...all.subarray(rank * values.length, (rank + 1) * values.length)],
  );
}

/** Lets rank 0 work while the others sleep instead of polling. */
async function sleeper(): Promise<<T>(work: () => Promise<T>) => Promise<T | undefined>> {
  const port = new Float64Array(1);
  if (world.rank > 0) {
    world.broadcast(port);
    const connection = await Deno.connect({ port: port[0] });
    return async () => void await connection.read(new Uint8Array(1));
  }
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  port[0] = (listener.addr as Deno.NetAddr).port;
  world.broadcast(port);
  const others: Deno.Conn[] = [];
  while (others.length < world.size - 1) others.push(await listener.accept());
  return async (work) => {
    const result = await work();
    await Promise.all(others.map((other) => other.write(Uint8Array.of(1))));
    return result;
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

const [task, ...rest] = Deno.args;
const result = task === "train"
  ? await train(rest[0], Number(rest[1]), Number(rest[2]))
  : reduce(rest.map(Number));
if (world.rank === 0) console.log(JSON.stringify(result));
