import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { DataLoader, type Dataset, TensorDataset, tf } from "../../mod.ts";
import { keyedRandom } from "../../data.ts";

/** Runs a test and asserts that it leaves no tensor. */
function leavesNoTensor(test: () => void | Promise<void>): () => Promise<void> {
  return async function checked() {
    const before = tf.memory().numTensors;
    await test();
    assertEquals(tf.memory().numTensors, before);
  };
}

const pause = (ms = 0) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const indices = (length: number): Dataset<number[]> => ({
  length,
  batch: (indices) => [...indices],
});

/** A dataset of tensors whose batches arrive when the test says so. */
class Controlled implements Dataset<tf.Tensor> {
  readonly length: number;
  readonly asked: { indices: number[]; arrive: () => void; fail: (error: unknown) => void }[] = [];
  signal: AbortSignal | undefined;

  constructor(length: number) {
    this.length = length;
  }

  batch(indices: Int32Array, signal?: AbortSignal): Promise<tf.Tensor> {
    this.signal = signal;
    const { promise, resolve, reject } = Promise.withResolvers<tf.Tensor>();
    const arrive = () => resolve(tf.tensor1d(indices, "int32"));
    this.asked.push({ indices: [...indices], arrive, fail: reject });
    return promise;
  }
}

Deno.test("DataLoader cuts the dataset into batches, the last one smaller", () => {
  const cut = (length: number, batchSize: number, dropLast = false) => {
    const loader = new DataLoader({ dataset: indices(length), batchSize, dropLast });
    const batches = [...loader];
    assertEquals(loader.length, batches.length);
    return batches;
  };
  assertEquals(cut(6, 2), [[0, 1], [2, 3], [4, 5]]);
  assertEquals(cut(5, 2), [[0, 1], [2, 3], [4]]);
  assertEquals(cut(5, 2, true), [[0, 1], [2, 3]]);
  assertEquals(cut(3, 10), [[0, 1, 2]]);
  assertEquals(cut(3, 10, true), []);
  assertEquals(cut(0, 4), []);
  assertEquals(cut(0, 4, true), []);
  assertEquals(cut(1, 1), [[0]]);
  assertEquals(new DataLoader({ dataset: indices(33) }).batchSize, 32);
});

Deno.test("DataLoader shuffles every example into each epoch once, in another order", () => {
  const loader = new DataLoader({ dataset: indices(103), batchSize: 10, shuffle: true, seed: 1 });
  const epochs = [0, 1, 2].map((epoch) => [...loader.iterate({ epoch })].flat());
  for (const order of epochs) {
    assertEquals(order.toSorted((a, b) => a - b), [...Array(103).keys()]);
  }
  assertEquals(new Set(epochs.map(String)).size, 3);
});

Deno.test("DataLoader.iterate() depends only on seed and epoch", () => {
  const load = (seed: number) =>
    new DataLoader({ dataset: indices(50), batchSize: 8, shuffle: true, seed });
  const loader = load(42);
  const expected = [...loader.iterate({ epoch: 3 })];
  for (const other of [loader.iterate({ epoch: 2 }), loader, loader]) Array.from(other);
  assertEquals([...loader.iterate({ epoch: 3 })], expected);
  assertEquals([...load(42).iterate({ epoch: 3 })], expected);
  assertNotEquals([...load(43).iterate({ epoch: 3 })], expected);
});

Deno.test("DataLoader.iterate() can run through two epochs at once", () => {
  const loader = new DataLoader({ dataset: indices(20), batchSize: 5, shuffle: true, seed: 0 });
  const [first, second] = [loader.iterate({ epoch: 0 }), loader.iterate({ epoch: 1 })]
    .map((iterator) => iterator[Symbol.iterator]());
  const zipped = [0, 1, 2, 3].map(() => [first.next().value, second.next().value]);
  assertEquals(zipped.map(([batch]) => batch), [...loader.iterate({ epoch: 0 })]);
  assertEquals(zipped.map(([, batch]) => batch), [...loader.iterate({ epoch: 1 })]);
});

Deno.test("DataLoader advances the epoch with each plain iteration, from 0 on", async () => {
  const load = () => new DataLoader({ dataset: indices(20), shuffle: true, seed: 5 });
  const plain = load();
  const epochs = [0, 1, 2].map((epoch) => [...load().iterate({ epoch })]);
  assertEquals([...plain], epochs[0]);
  Array.from(plain.iterate({ epoch: 9 }));
  assertEquals(await Array.fromAsync(plain), epochs[1]);
  assertEquals([...plain], epochs[2]);
});

Deno.test("DataLoader without a seed draws one, and uses one that is set later", () => {
  const load = (seed?: number) => new DataLoader({ dataset: indices(60), shuffle: true, seed });
  const loader = load();
  assertEquals(loader.seed, undefined);
  assertEquals([...loader.iterate()], [...loader.iterate()]);
  assertNotEquals([...loader.iterate()], [...load().iterate()]);
  loader.seed = 42;
  assertEquals([...loader.iterate()], [...load(42).iterate()]);
});

Deno.test(
  "DataLoader.iterate() resumes with the tail of the epoch, bit for bit",
  leavesNoTensor(() => {
    const values = Float32Array.from({ length: 101 * 3 }, (_, index) => Math.sqrt(index));
    using dataset = new TensorDataset({
      data: { values, shape: [101, 3] },
      labels: { values: Uint8Array.from({ length: 101 }, (_, index) => index), shape: [101] },
    });
    const loader = new DataLoader({ dataset, batchSize: 8, shuffle: true, seed: 42 });
    const read = (skip: number) => {
      const batches = [];
      for (const { data, labels } of loader.iterate({ epoch: 4, skip })) {
        batches.push([data.dataSync(), labels.dataSync()]);
        tf.dispose([data, labels]);
      }
      return batches;
    };
    const whole = read(0);
    assertEquals(whole.length, 13);
    for (const skip of [1, 6, 12, 13, 14, 1e9]) assertEquals(read(skip), whole.slice(skip));
  }),
);

Deno.test("DataLoader.iterate() does not build the batches that it skips", () => {
  const asked: number[] = [];
  const dataset: Dataset<number> = {
    length: 10,
    batch: ([first]) => asked.push(first),
  };
  const loader = new DataLoader({ dataset, batchSize: 1, prefetch: 2 });
  const iterator = loader.iterate({ skip: 7 });
  assertEquals(asked, []);
  iterator.next();
  assertEquals(asked, [7, 8, 9]);
});

Deno.test("DataLoader collates an array of examples", () => {
  const dataset = [3, 1, 4, 1, 5];
  const loader = new DataLoader({ dataset, batchSize: 2, collate: (examples) => examples.join() });
  assertEquals([...loader], ["3,1", "4,1", "5"]);
});

Deno.test("BatchIterator.next() returns a promise only for a batch that is pending", async () => {
  const now = new DataLoader({ dataset: indices(2), batchSize: 1 }).iterate();
  assertEquals(now.next(), { done: false, value: [0] });
  assertEquals(now.next(), { done: false, value: [1] });
  assertEquals(now.next(), { done: true, value: undefined });
  assertEquals(now.next(), { done: true, value: undefined });
  const dataset: Dataset<string> = { length: 1, batch: () => Promise.resolve("later") };
  const later = new DataLoader({ dataset }).iterate();
  const result = later.next();
  assertInstanceOf(result, Promise);
  assertEquals(await result, { done: false, value: "later" });
  assertEquals(later.next(), { done: true, value: undefined });
});

Deno.test(
  "DataLoader refuses `for` over promises, and disposes the batch that comes late",
  leavesNoTensor(async () => {
    const dataset = new Controlled(4);
    const loader = new DataLoader({ dataset, batchSize: 1, prefetch: 2 });
    assertThrows(() => [...loader], TypeError, "Use `for await`");
    dataset.asked.forEach(({ arrive }) => arrive());
    await pause();
    assertEquals(dataset.asked.length, 2);
  }),
);

for (const prefetch of [0, 1, 2, 3, 100]) {
  Deno.test(
    `DataLoader with prefetch ${prefetch} keeps the order, and the bound, of an async dataset`,
    leavesNoTensor(async () => {
      let underWay = 0, most = 0;
      const dataset: Dataset<tf.Tensor> = {
        length: 23,
        async batch(indices) {
          most = Math.max(most, ++underWay);
          // The later ones are the faster ones.
          await pause((23 - indices[0]) % 5);
          underWay--;
          return tf.tensor1d(indices, "int32");
        },
      };
      const batches: number[] = [];
      for await (const batch of new DataLoader({ dataset, batchSize: 2, prefetch })) {
        batches.push(...batch.dataSync());
        batch.dispose();
      }
      assertEquals(batches, [...Array(23).keys()]);
      assertEquals(most, Math.min(Math.max(prefetch, 1), 12));
    }),
  );
}

Deno.test(
  "DataLoader.prefetch also counts batches that wait to be taken",
  leavesNoTensor(async () => {
    const before = tf.memory().numTensors;
    const dataset: Dataset<tf.Tensor> = { length: 50, batch: () => Promise.resolve(tf.scalar(1)) };
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 3 }).iterate();
    for (let batch = 0; batch < 10; batch++) {
      const { value } = await iterator.next();
      await pause();
      assertEquals(tf.memory().numTensors - before, 1 + 3);
      value!.dispose();
    }
    await iterator.return();
  }),
);

Deno.test(
  "DataLoader with prefetch overlaps loading and computing",
  leavesNoTensor(async () => {
    const dataset = new Controlled(4);
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 1 }).iterate();
    const first = iterator.next();
    assertEquals(dataset.asked.length, 1);
    dataset.asked[0].arrive();
    tf.dispose((await first).value);
    // While the consumer computes, before it asks again:
    assertEquals(dataset.asked.length, 2);
    dataset.asked[1].arrive();
    await iterator.return();
    assertEquals(dataset.asked.length, 2);
  }),
);

Deno.test(
  "BatchIterator answers several next() at once, in order",
  leavesNoTensor(async () => {
    const dataset = new Controlled(3);
    const iterator = new DataLoader({ dataset, batchSize: 1 }).iterate();
    const results = [0, 1, 2, 3].map(() => iterator.next());
    dataset.asked.toReversed().forEach(({ arrive }) => arrive());
    const values = (await Promise.all(results)).map(({ value }) => value?.dataSync()[0]);
    assertEquals(values, [0, 1, 2, undefined]);
    for (const result of results) tf.dispose((await result).value);
  }),
);

Deno.test(
  "DataLoader.prefetch bounds the pending batches of several next() at once",
  leavesNoTensor(async () => {
    const dataset = new Controlled(9);
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 2 }).iterate();
    const results = [iterator.next(), iterator.next()];
    assertEquals(dataset.asked.length, 2);
    dataset.asked.forEach(({ arrive }) => arrive());
    for (const result of results) tf.dispose((await result).value);
    dataset.asked.slice(2).forEach(({ arrive }) => arrive());
    await iterator.return();
  }),
);

for (let ticks = 0; ticks < 8; ticks++) {
  Deno.test(
    `BatchIterator.return() ${ticks} microtasks after a batch arrived leaves it whole or disposed`,
    leavesNoTensor(async () => {
      const dataset = new Controlled(1);
      const iterator = new DataLoader({ dataset, batchSize: 1 }).iterate();
      const next = iterator.next();
      dataset.asked[0].arrive();
      for (let tick = 0; tick < ticks; tick++) await undefined;
      await iterator.return();
      const { value } = await next;
      assert(!value?.isDisposed);
      value?.dispose();
    }),
  );
}

for (const prefetch of [0, 2, 5]) {
  Deno.test(
    `BatchIterator.return() disposes the batches that were not taken, prefetch ${prefetch}`,
    leavesNoTensor(async () => {
      const dataset: Dataset<tf.Tensor> = {
        length: 10,
        batch: (indices) => pause(indices[0] % 3).then(() => tf.tensor1d(indices, "int32")),
      };
      let batches = 0;
      for await (const batch of new DataLoader({ dataset, batchSize: 1, prefetch })) {
        batch.dispose();
        if (++batches === 3) break;
      }
      assertEquals(batches, 3);
    }),
  );
}

Deno.test(
  "BatchIterator.return() disposes at once the batches that a synchronous dataset built ahead",
  leavesNoTensor(() => {
    const dataset: Dataset<tf.Tensor> = { length: 9, batch: () => tf.zeros([3]) };
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 4 }).iterate();
    tf.dispose((iterator.next() as IteratorYieldResult<tf.Tensor>).value);
    assertEquals(iterator.return(), { done: true, value: undefined });
    assertEquals(iterator.next(), { done: true, value: undefined });
  }),
);

Deno.test(
  "BatchIterator.return() ends a next() that waits, and aborts the dataset's signal",
  leavesNoTensor(async () => {
    const dataset = new Controlled(10);
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 3 }).iterate();
    const next = iterator.next();
    const closing = iterator.return();
    assertEquals(await next, { done: true, value: undefined });
    assert(dataset.signal?.aborted);
    dataset.asked[1].fail(new Error("unheard"));
    dataset.asked[0].arrive();
    dataset.asked[2].arrive();
    assertEquals(await closing, { done: true, value: undefined });
    assertEquals(dataset.asked.length, 3);
  }),
);

Deno.test(
  "BatchIterator.return() does not hang on a dataset that stalls, and disposes late batches",
  leavesNoTensor(async () => {
    const dataset = new Controlled(10);
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 2 }).iterate();
    const next = iterator.next();
    const start = performance.now();
    await iterator.return();
    assertLess(performance.now() - start, 3000);
    assertEquals((await next).done, true);
    dataset.asked.forEach(({ arrive }) => arrive());
    await pause();
  }),
);

for (const prefetch of [0, 1, 4]) {
  for (const failure of ["throws", "rejects"]) {
    Deno.test(
      `DataLoader throws the error of a dataset that ${failure}, prefetch ${prefetch}`,
      leavesNoTensor(async () => {
        const error = new Error("disk on fire");
        let asked = 0;
        const dataset: Dataset<tf.Tensor> = {
          length: 20,
          batch(indices) {
            asked++;
            // Every later batch fails, too: those rejections may not stay unhandled.
            if (indices[0] < 3) return pause(2).then(() => tf.scalar(indices[0]));
            if (failure === "throws") throw error;
            return pause(1).then(() => Promise.reject(error));
          },
        };
        const seen: number[] = [];
        const iterator = new DataLoader({ dataset, batchSize: 1, prefetch }).iterate();
        const thrown = await assertRejects(async () => {
          for await (const batch of iterator) {
            seen.push(batch.dataSync()[0]);
            batch.dispose();
          }
        });
        assertStrictEquals(thrown, error);
        assertEquals(seen, [0, 1, 2]);
        assertEquals(iterator.next(), { done: true, value: undefined });
        assertLess(asked, 4 + Math.max(prefetch, 1));
        await pause(5);
      }),
    );
  }
}

Deno.test(
  "DataLoader disposes batches behind one that failed",
  leavesNoTensor(async () => {
    const dataset = new Controlled(3);
    const iterator = new DataLoader({ dataset, batchSize: 1, prefetch: 3 }).iterate();
    const next = iterator.next();
    dataset.asked[1].arrive();
    dataset.asked[0].fail(new Error("gone"));
    setTimeout(() => dataset.asked[2].arrive());
    await assertRejects(async () => await next, Error, "gone");
  }),
);

Deno.test("DataLoader throws the error of a synchronous dataset synchronously", () => {
  const dataset: Dataset<number> = {
    length: 3,
    batch() {
      throw new RangeError("no such row");
    },
  };
  assertThrows(() => [...new DataLoader({ dataset })], RangeError, "no such row");
});

Deno.test(
  "DataLoader.timeout fails on a dataset that stalls, and disposes late batches",
  leavesNoTensor(async () => {
    const dataset = new Controlled(9);
    const loader = new DataLoader({ dataset, batchSize: 2, prefetch: 2, timeout: 20 });
    const iterator = loader.iterate({ epoch: 6, skip: 1 });
    const first = iterator.next();
    dataset.asked[0].arrive();
    tf.dispose((await first).value);
    const error = await assertRejects(
      async () => await iterator.next(),
      DOMException,
      "Cannot load batch 2 of epoch 6 as it must arrive within 20 ms: it is still pending",
    );
    assertEquals(error.name, "TimeoutError");
    assertEquals(iterator.next(), { done: true, value: undefined });
    dataset.asked.slice(1).forEach(({ arrive }) => arrive());
    await pause();
  }),
);

Deno.test("DataLoader.timeout accepts a dataset that is in time", async () => {
  const dataset: Dataset<number> = { length: 5, batch: ([index]) => pause(1).then(() => index) };
  const loader = new DataLoader({ dataset, batchSize: 1, timeout: 5000 });
  assertEquals(await Array.fromAsync(loader), [0, 1, 2, 3, 4]);
});

Deno.test("DataLoader refuses sizes, seeds and starts that are out of range", () => {
  const dataset = indices(4);
  for (const batchSize of [0, -1, 1.5, NaN, Infinity, "4" as never]) {
    assertThrows(
      () => new DataLoader({ dataset, batchSize }),
      RangeError,
      `Cannot load data as batchSize must be an integer >= 1: current value is ${
        typeof batchSize === "string" ? `"${batchSize}"` : batchSize
      }`,
    );
  }
  for (const prefetch of [-1, 0.5, NaN]) {
    assertThrows(() => new DataLoader({ dataset, prefetch }), RangeError, "prefetch must be");
  }
  for (const timeout of [0, -5, NaN, Infinity]) {
    assertThrows(() => new DataLoader({ dataset, timeout }), RangeError, "timeout must be");
  }
  const loader = new DataLoader({ dataset });
  assertThrows(() => new DataLoader({ dataset, seed: 0.5 }), RangeError, "seed must be");
  assertThrows(() => loader.seed = NaN, RangeError, "seed must be a safe integer");
  assertThrows(() => loader.iterate({ epoch: -1 }), RangeError, "epoch must be");
  assertThrows(() => loader.iterate({ skip: 0.5 }), RangeError, "skip must be an integer >= 0");
});

Deno.test("DataLoader refuses a value that is no dataset", () => {
  const refuse = (options: unknown, message: string) =>
    assertThrows(() => new DataLoader(options as never), TypeError, message);
  refuse({ dataset: [1, 2] }, "must come with a function `collate`");
  refuse({ dataset: indices(2), collate: () => 0 }, "must come with an array of examples");
  refuse({ dataset: indices(2), shufle: true }, 'there is no "shufle", did you mean "shuffle"?');
  const loader = new DataLoader({ dataset: indices(2) });
  assertThrows(() => loader.iterate({ epochs: 1 } as never), TypeError, 'did you mean "epoch"?');
  refuse({ dataset: null }, "current value is null");
  refuse({ dataset: { length: 3 } }, "with length 3 and batch undefined");
  refuse({ dataset: { length: -1, batch() {} } }, "with length -1");
});

Deno.test("DataLoader with lengths makes batches of similar length, in another order each epoch", () => {
  const random = keyedRandom(5);
  const lengths = Array.from({ length: 1003 }, () => Math.floor(random() * 100));
  const load = (shuffle: boolean, byLength = true) =>
    new DataLoader({
      dataset: indices(1003),
      batchSize: 8,
      shuffle,
      seed: 1,
      ...byLength && { lengths },
    });
  const padding = (batches: number[][]) =>
    batches.map((batch) => batch.map((example) => lengths[example]))
      .map((batch) => batch.length * Math.max(...batch) - batch.reduce((a, b) => a + b))
      .reduce((a, b) => a + b);
  for (const shuffle of [false, true]) {
    const epochs = [0, 1].map((epoch) => [...load(shuffle).iterate({ epoch })]);
    const plain = padding([...load(shuffle, false).iterate()]);
    for (const batches of epochs) {
      assertEquals(batches.map(({ length }) => length), [...Array(125).fill(8), 3]);
      assertEquals(batches.flat().toSorted((a, b) => a - b), [...Array(1003).keys()]);
      assertLess(padding(batches), plain / 10);
    }
    assertEquals(String(epochs[0]) === String(epochs[1]), !shuffle);
    const firsts = epochs[0].map((batch) => lengths[batch[0]]);
    assertEquals(
      String(firsts.slice(0, 60)) === String(firsts.slice(0, 60).toSorted((a, b) => a - b)),
      !shuffle,
    );
  }
  const whole = [...load(true).iterate({ epoch: 3 })];
  assertEquals([...load(true).iterate({ epoch: 3, skip: 50 })], whole.slice(50));
  const shards = [0, 1].map((
    index,
  ) => [...load(true).iterate({ epoch: 3, shard: { index, count: 2 } })]);
  assertEquals(shards.flat(2).toSorted((a, b) => a - b), [...Array(1003).keys()]);
  assertLess(padding(shards.flat()), padding([...load(true, false).iterate({ epoch: 3 })]) / 4);
});

Deno.test("DataLoader refuses lengths that do not fit the dataset", () => {
  for (const lengths of [[1, 2], [1, 2, NaN], [1, 2, -3], null]) {
    assertThrows(
      () => new DataLoader({ dataset: indices(3), lengths: lengths as number[] }),
      TypeError,
      "lengths must have a number >= 0 for each of 3 examples",
    );
  }
});
