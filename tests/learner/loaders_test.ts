import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type BatchLike, DataLoader, type Loader, TensorDataset, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, tinyLearner } from "../fixtures/tiny_learner.ts";

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
const sizes = [2, 2, 1];

async function* slowly(): AsyncGenerator<[tf.Tensor, tf.Tensor]> {
  for (const batch of batches(...sizes)) {
    await tick();
    yield batch;
  }
}

/** The same five examples as one array and as one batch. */
function examples(): { xs: number[]; ys: number[] } {
  const xs = Array.from({ length: 5 }, (_, index) => index / 4);
  return { xs, ys: xs.map((x) => 2 * x + 1) };
}

function dataset(): TensorDataset {
  const { xs, ys } = examples();
  return new TensorDataset({
    data: { values: Float32Array.from(xs), shape: [5, 1] },
    labels: { values: Float32Array.from(ys), shape: [5, 1] },
  });
}

/** Every kind of loader of the same batches; what is returned second is disposed at the end. */
const kinds: Record<string, () => { loader: Loader; dispose?: () => void }> = {
  "an array, reused": () => {
    const loader = [...batches(...sizes)];
    return { loader, dispose: () => tf.dispose(loader as never) };
  },
  "a generator function": () => ({ loader: () => batches(...sizes) }),
  "an async generator function": () => ({ loader: slowly }),
  "an object with Symbol.iterator": () => ({
    loader: { [Symbol.iterator]: () => batches(...sizes) },
  }),
  "an object with Symbol.asyncIterator": () => ({ loader: { [Symbol.asyncIterator]: slowly } }),
  "a function that returns an array": () => {
    const all = [...batches(...sizes)];
    return { loader: () => all, dispose: () => tf.dispose(all as never) };
  },
  "batches { data, labels }": () => ({
    *loader() {
      for (const [data, labels] of batches(...sizes)) yield { data, labels };
    },
  }),
  "batches { xs, ys }": () => ({
    *loader() {
      for (const [xs, ys] of batches(...sizes)) yield { xs, ys };
    },
  }),
  "a tf.data.Dataset": () => {
    const { xs, ys } = examples();
    const rows = xs.map((x, index) => ({ xs: [x], ys: [ys[index]] }));
    return { loader: tf.data.array(rows).batch(2) as unknown as Loader };
  },
  "a DataLoader": () => {
    const source = dataset();
    const loader = new DataLoader({ dataset: source, batchSize: 2 });
    return { loader, dispose: () => source[Symbol.dispose]() };
  },
  "a DataLoader that fetches ahead": () => {
    const source = dataset();
    const loader = new DataLoader({
      dataset: {
        length: source.length,
        async batch(indices: Int32Array) {
          await tick();
          return source.batch(indices);
        },
      },
      batchSize: 2,
      prefetch: 2,
    });
    return { loader: loader as Loader, dispose: () => source[Symbol.dispose]() };
  },
};

async function trained(loader: Loader): Promise<number[]> {
  using model = new Line();
  const { trainLoss } = await tinyLearner({ model, dataloaders: { train: loader } }).learner
    .train({ epochs: 3 });
  return [...model.weights, trainLoss];
}

for (const [name, make] of Object.entries(kinds)) {
  testTensors(`Learner.train() reads ${name} in every epoch`, async () => {
    const expected = await trained(() => batches(...sizes));
    const { loader, dispose } = make();
    const actual = await trained(loader);
    dispose?.();
    actual.forEach((value, index) => assertAlmostEquals(value, expected[index], 1e-6));
  });

  testTensors(`Learner.train() leaves nothing of ${name} when it is cancelled`, async () => {
    using model = new Line();
    const { loader, dispose } = make();
    const { learner } = tinyLearner({
      model,
      dataloaders: { train: loader },
      callbacks: [{ afterBatch: (learner) => void learner.cancel("train") }],
    });
    assertEquals((await learner.train()).status, "cancelled");
    await tick();
    await tick();
    dispose?.();
  });
}

for (const [name, make] of Object.entries(kinds)) {
  for (const limit of [undefined, 2]) {
    const limits = limit === undefined ? {} : { train: limit };
    const which = limit === undefined ? "" : ` limited to ${limit} batches`;
    testTensors(`Learner.isLastBatch() knows the last batch of ${name}${which}`, async () => {
      using model = new Line();
      const { loader, dispose } = make();
      const seen: boolean[] = [];
      const { learner } = tinyLearner({
        model,
        dataloaders: { train: loader },
        callbacks: [{
          afterBackward: async (learner) => void seen.push(await learner.isLastBatch()),
        }],
      });
      learner.limits = limits;
      await learner.train({ epochs: 2 });
      const epoch = Array.from({ length: limit ?? 3 }, (_, index) => index + 1 === (limit ?? 3));
      assertEquals(seen, [...epoch, ...epoch]);
      dispose?.();
    });
  }

  testTensors(`Learner.isLastBatch() leaves nothing of ${name} when it is cancelled`, async () => {
    using model = new Line();
    const { loader, dispose } = make();
    const { learner } = tinyLearner({
      model,
      dataloaders: { train: loader },
      callbacks: [{
        async afterBackward(learner) {
          await learner.isLastBatch();
          learner.cancel("train");
        },
      }],
    });
    assertEquals((await learner.train()).status, "cancelled");
    await tick();
    await tick();
    dispose?.();
  });
}

for (const asynchronous of [false, true]) {
  testTensors(
    `Learner.isLastBatch() leaves what goes wrong in ${
      asynchronous ? "an async" : "a"
    } loader to ` +
      "either way of taking the batch",
    async () => {
      using model = new Line();
      const failure = new Error("of the loader");
      const worked: boolean[] = [];
      const { learner } = tinyLearner({
        model,
        dataloaders: {
          train: asynchronous
            ? async function* () {
              yield* batches(1);
              await tick();
              throw failure;
            }
            : function* () {
              yield* batches(1);
              throw failure;
            },
        },
        callbacks: [{
          afterBackward: async (learner) => void worked.push(await learner.isLastBatch()),
          afterBatch: ({ failures }) => void worked.push(failures.length === 0),
        }],
      });
      assertEquals(await learner.train().catch((error) => error), failure);
      assertEquals([worked, learner.failures[0].during], [[false, true], "fetch"]);
    },
  );
}

testTensors("Learner.isLastBatch() does not wait for a loader that is stuck", async () => {
  using model = new Line();
  const gate = Promise.withResolvers<void>();
  const answers: boolean[] = [];
  const { learner } = tinyLearner({
    model,
    dataloaders: {
      async *train(): AsyncGenerator<BatchLike<tf.Tensor, tf.Tensor>> {
        yield* batches(1);
        await gate.promise;
        yield* batches(1);
      },
    },
    callbacks: [{
      async afterBackward(learner) {
        setTimeout(() => learner.cancel("train"), 1);
        answers.push(await learner.isLastBatch());
      },
    }],
  });
  assertEquals(await learner.isLastBatch(), false, "there is no batch");
  assertEquals((await learner.train()).status, "cancelled");
  gate.resolve();
  await tick();
  assertEquals(answers, [false]);
});

testTensors("Learner.train() ends a loader with return(), once, when it is cut short", async () => {
  using model = new Line();
  let returned = 0, opened = 0;
  const { learner } = tinyLearner({
    model,
    dataloaders: {
      *train(): Generator<BatchLike<tf.Tensor, tf.Tensor>> {
        opened++;
        try {
          yield* batches(1, 1, 1);
        } finally {
          returned++;
        }
      },
    },
    callbacks: [{
      afterBatch(learner) {
        if (learner.epoch === 0) learner.cancel("epoch");
      },
    }],
  });
  await learner.train({ epochs: 2 });
  assertEquals([opened, returned], [2, 2]);
  assertEquals(model.calls.length, 4);
});

testTensors(
  "Learner gives each epoch of a DataLoader an order of its own by the seed",
  async () => {
    using model = new Line();
    const orders: Record<number, number[]>[] = [];
    for (let run = 0; run < 2; run++) {
      using source = dataset();
      const order: Record<number, number[]> = {};
      const { learner } = tinyLearner({
        model,
        seed: 3,
        dataloaders: { train: new DataLoader({ dataset: source, batchSize: 2, shuffle: true }) },
        callbacks: [{
          beforeBatch({ epoch, data }) {
            (order[epoch] ??= []).push(...data.dataSync());
          },
        }],
      });
      await learner.train({ epochs: 2 });
      orders.push(order);
    }
    assertEquals(orders[0], orders[1]);
    assertEquals(orders[0][0].join() === orders[0][1].join(), false);
    assertEquals(orders[0][0].toSorted(), orders[0][1].toSorted());
  },
);

testTensors(
  "Learner.cancel() does not wait for a loader that is stuck, whose late batch is disposed",
  async () => {
    using model = new Line();
    const gate = Promise.withResolvers<void>();
    const { learner } = tinyLearner({
      model,
      dataloaders: {
        async *train(): AsyncGenerator<BatchLike<tf.Tensor, tf.Tensor>> {
          await gate.promise;
          yield* batches(1, 1);
        },
      },
    });
    const running = learner.train();
    await tick();
    assertEquals(learner.cancel("train", "stuck"), true);
    const { status, reason } = await running;
    assertEquals([status, reason], ["cancelled", "stuck"]);
    gate.resolve();
    await tick();
    assertEquals(model.calls, []);
  },
);

testTensors("a batch without examples is refused, not a loss of NaN", async () => {
  using model = new Line();
  for (const name of ["train", "validation"] as const) {
    const { learner } = tinyLearner({ model });
    learner.dataloaders = { train: () => batches(1), [name]: () => batches(1, 0) };
    const error = await assertRejects(() => learner.train(), RangeError);
    assertStringIncludes(
      error.message,
      `Cannot use batch 1 of the ${name} loader as it must have examples: its length is 0`,
    );
  }
});
