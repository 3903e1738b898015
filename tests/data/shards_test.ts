import { assert, assertEquals, assertThrows } from "@std/assert";
import { DataLoader, Learner, type Peers, sgd, tf } from "../../mod.ts";

function loaderOf(length: number, batchSize: number, dropLast = false): DataLoader<number[]> {
  return new DataLoader({
    dataset: Array.from({ length }, (_, index) => index),
    collate: (examples) => examples as number[],
    batchSize,
    dropLast,
    shuffle: true,
    seed: 3,
  });
}

const shardsOf = (loader: DataLoader<number[]>, count: number, skip = 0) =>
  Array.from(
    { length: count },
    (_, index) => [...loader.iterate({ epoch: 5, skip, shard: { index, count } })],
  );

Deno.test("DataLoader.iterate() divides every joint batch among shards, without repeating or omitting any", () => {
  for (const count of [1, 2, 3, 4]) {
    for (let length = count; length < 40; length++) {
      const loader = loaderOf(length, 4);
      const shards = shardsOf(loader, count);
      const joint = [...loaderOf(length, 4 * count).iterate({ epoch: 5 })];
      const steps = loader.shardLength({ index: 0, count });
      assertEquals(shards.map(({ length }) => length), Array(count).fill(steps));
      const together = Array.from(
        { length: steps },
        (_, step) => shards.flatMap((batches) => batches[step]),
      );
      assertEquals(together.flat(), joint.flat());
      // Fewer examples than shards go with the batch before.
      if (joint.at(-1)!.length >= count) assertEquals(together, joint);
      const sizes = shards.map((batches) => batches.at(-1)!.length);
      assert(Math.max(...sizes) - Math.min(...sizes) <= 1 && Math.min(...sizes) > 0);
    }
  }
});

Deno.test("DataLoader.iterate() with dropLast leaves out the same number of batches for all shards", () => {
  const shards = shardsOf(loaderOf(30, 4, true), 2);
  assertEquals(shards.map((batches) => batches.map(({ length }) => length)), [[4, 4, 4], [
    4,
    4,
    4,
  ]]);
});

Deno.test("DataLoader.iterate() continues with another number of shards", () => {
  const loader = loaderOf(61, 4);
  const all = [...loader.iterate({ epoch: 5 })].flat();
  const before = shardsOf(loader, 3).flatMap((batches) => batches.slice(0, 2)).flat();
  const after = shardsOf(loader, 2, 2 * 3).flat(2);
  assertEquals([...before, ...after].toSorted((a, b) => a - b), all.toSorted((a, b) => a - b));
});

Deno.test("DataLoader.shardLength() refuses fewer examples than shards", () => {
  assertThrows(
    () => loaderOf(2, 4).shardLength({ index: 0, count: 3 }),
    RangeError,
    "an example for each of 3 shards: current value is 2",
  );
});

const peers = (index: number, count: number): Peers => ({
  shard: { index, count },
  sum: () => {},
  average: (gradients) => gradients,
  attach: () => {},
  collect: () => [],
});

/** Returns the first number of each batch that a Learner sees as one of three processes. */
async function seen(index: number, make: () => unknown): Promise<number[]> {
  const values: number[] = [];
  const learner = new Learner({
    model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
    optimizer: sgd(0),
    lossFunction: tf.losses.meanSquaredError,
    dataloaders: { train: make() as never },
    callbacks: [{ beforeBatch: ({ data }) => void values.push(data.dataSync()[0]) }],
  });
  learner.peers = peers(index, 3);
  await learner.train();
  (learner.model as tf.LayersModel).dispose();
  learner.optimizer.dispose();
  return values;
}

Deno.test("Learner deals out the batches of any other loader in turn", async () => {
  const before = tf.memory().numTensors;
  const batch = (value: number) => [tf.fill([2, 1], value), tf.ones([2, 1])];
  const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
  const array = numbers.map(batch);
  const loaders: Record<string, () => unknown> = {
    array: () => array,
    generator: () =>
      function* () {
        for (const value of numbers) yield batch(value);
      },
    "asynchronous generator": () =>
      async function* () {
        for (const value of numbers) yield await Promise.resolve(batch(value));
      },
    "seekable loader": () => ({
      *iterate() {
        for (const value of numbers) yield batch(value);
      },
    }),
  };
  for (const [name, make] of Object.entries(loaders)) {
    for (const index of [0, 1, 2]) {
      assertEquals([name, await seen(index, make)], [name, [index, index + 3]]);
    }
  }
  tf.dispose(array);
  assertEquals(tf.memory().numTensors, before);
});
