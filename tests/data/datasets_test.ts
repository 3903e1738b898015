import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { ArrayDataset, type Dataset, split, subset, TensorDataset, tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";
import { kFold } from "../../data.ts";

/** Runs a test and asserts that it leaves no tensor. */
function leavesNoTensor(test: () => void | Promise<void>): () => Promise<void> {
  return async function checked() {
    const before = tf.memory().numTensors;
    await test();
    assertEquals(tf.memory().numTensors, before);
  };
}

const numbers = (length: number): Dataset<number[]> =>
  new ArrayDataset([...Array(length).keys()], { collate: (examples) => examples });
const all = <B>(dataset: Dataset<B>) =>
  dataset.batch(Int32Array.from({ length: dataset.length }, (_, index) => index));

testOnBackends("TensorDataset gathers rows of tensors in the given order", () => {
  using dataset = new TensorDataset({
    data: tf.tensor3d([[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]),
    labels: tf.tensor1d([10, 20, 30], "int32"),
  });
  assertEquals(dataset.length, 3);
  const { data, labels } = dataset.batch(Int32Array.of(2, 0, 2));
  assertEquals(data.arraySync() as unknown, [[[9, 10], [11, 12]], [[1, 2], [3, 4]], [[9, 10], [
    11,
    12,
  ]]]);
  assertEquals(labels.arraySync() as unknown, [30, 10, 30]);
  assertEquals([data.dtype, labels.dtype], ["float32", "int32"]);
  tf.dispose([data, labels]);
});

testOnBackends("TensorDataset gathers the same from typed arrays as from tensors", () => {
  const values = Float32Array.from({ length: 7 * 6 }, (_, index) => Math.sin(index));
  using plain = new TensorDataset({
    data: { values, shape: [7, 2, 3] },
    labels: { values: Int32Array.of(6, 5, 4, 3, 2, 1, 0), shape: [7] },
  });
  using tensors = new TensorDataset({
    data: tf.tensor3d(values, [7, 2, 3]),
    labels: tf.tensor1d([6, 5, 4, 3, 2, 1, 0], "int32"),
  });
  for (const indices of [[], [6], [3, 3], [5, 0, 6, 1]]) {
    const [one, other] = [plain, tensors].map((dataset) => dataset.batch(Int32Array.from(indices)));
    assertEquals(one.data.shape, [indices.length, 2, 3]);
    for (const column of ["data", "labels"] as const) {
      assertEquals(one[column].shape, other[column].shape);
      assertEquals(one[column].dtype, other[column].dtype);
      assertEquals(one[column].dataSync(), other[column].dataSync());
    }
    tf.dispose([one.data, one.labels, other.data, other.labels]);
  }
});

testOnBackends("TensorDataset makes tensors of every dtype from every typed array", () => {
  const sources = [
    Uint8Array,
    Uint8ClampedArray,
    Int8Array,
    Uint16Array,
    Int16Array,
    Int32Array,
    Float32Array,
    Float64Array,
  ];
  for (const Source of sources) {
    for (const dtype of ["float32", "int32", "bool"] as const) {
      using dataset = new TensorDataset({
        data: { values: Source.of(0, 1, 1, 0, 0, 1), shape: [3, 2], dtype },
        labels: { values: Source.of(7, 8, 9), shape: [3] },
      });
      const { data, labels } = dataset.batch(Int32Array.of(2, 1));
      assertEquals(data.dtype, dtype);
      assertEquals([...data.dataSync()], [0, 1, 1, 0], `${Source.name} to ${dtype}`);
      assertEquals([...labels.dataSync()], [9, 8], Source.name);
      tf.dispose([data, labels]);
    }
  }
});

testOnBackends("TensorDataset gathers while the backend's memory grows", () => {
  const size = 2 ** 20;
  const values = Float32Array.from({ length: 2 * size }, (_, index) => index);
  using dataset = new TensorDataset({ data: { values, shape: [2, size] }, labels: [] });
  const batches = Array.from({ length: 24 }, () => dataset.batch(Int32Array.of(1, 0)));
  for (const { data } of batches) {
    assertEquals(data.slice([0, size - 1], [2, 1]).arraySync(), [[2 * size - 1], [size - 1]]);
  }
  tf.dispose(batches as unknown as tf.TensorContainer);
});

testOnBackends(
  "TensorDataset scales and shifts bytes per batch, and leaves the bytes alone",
  () => {
    const values = Uint8Array.of(0, 128, 255, 51);
    using dataset = new TensorDataset({
      data: { values, shape: [2, 2], scale: 1 / 255, offset: -0.5 },
      labels: { values: Uint8Array.of(3, 200), shape: [2] },
    });
    const { data, labels } = dataset.batch(Int32Array.of(1, 0));
    // Computed in double precision by hand, then rounded: 255/255 - 0.5, 51/255 - 0.5, …
    assertEquals([...data.dataSync()], [0.5, -0.3, -0.5, 128 / 255 - 0.5].map(Math.fround));
    assertEquals(data.dtype, "float32");
    assertEquals(labels.arraySync() as unknown, [200, 3]);
    assertEquals(labels.dtype, "int32");
    assertEquals([...values], [0, 128, 255, 51]);
    tf.dispose([data, labels]);
  },
);

Deno.test(
  "TensorDataset converts to the given dtype",
  leavesNoTensor(() => {
    using dataset = new TensorDataset({
      data: { values: Uint8Array.of(0, 1), shape: [2], dtype: "float32" },
      labels: { values: Float64Array.of(0, 1), shape: [2], dtype: "bool" },
    });
    const { data, labels } = dataset.batch(Int32Array.of(1));
    assertEquals([data.dtype, labels.dtype], ["float32", "bool"]);
    assertEquals([data.dataSync()[0], labels.dataSync()[0]], [1, 1]);
    tf.dispose([data, labels]);
  }),
);

Deno.test(
  "TensorDataset nests batches like its columns",
  leavesNoTensor(() => {
    const column = { values: Float32Array.of(1, 2), shape: [2, 1] };
    using dataset = new TensorDataset({
      data: { left: tf.tensor1d([1, 2]), right: column },
      labels: [column, column],
    });
    const { data, labels } = dataset.batch(Int32Array.of(1));
    assertEquals(data.left.arraySync() as unknown, [2]);
    assertEquals(data.right.arraySync() as unknown, [[2]]);
    assertEquals(labels.map((label) => label.shape), [[1, 1], [1, 1]]);
    tf.dispose([data.left, data.right, ...labels]);
  }),
);

Deno.test(
  "TensorDataset.dispose() disposes its tensors, and none of its batches",
  leavesNoTensor(() => {
    const dataset = new TensorDataset({ data: tf.ones([2, 1]), labels: tf.zeros([2]) });
    const { data, labels } = dataset.batch(Int32Array.of(0, 1));
    dataset.dispose();
    dataset.dispose();
    assertEquals([...data.dataSync()], [1, 1]);
    assertThrows(
      () => dataset.batch(Int32Array.of(0)),
      Error,
      "Cannot build a batch: the dataset was disposed",
    );
    tf.dispose([data, labels]);
  }),
);

Deno.test(
  "TensorDataset refuses data and labels of different length",
  leavesNoTensor(() => {
    const five = { values: new Float32Array(5), shape: [5] };
    const ten = { values: new Float32Array(10), shape: [10, 1] };
    const tensor = tf.ones([5]);
    assertThrows(
      () => new TensorDataset({ data: ten, labels: five }),
      RangeError,
      "labels must have 10 examples, like data: current value is 5",
    );
    assertThrows(
      () => new TensorDataset({ data: { a: five, b: [tensor, ten] }, labels: five }),
      RangeError,
      "data.b[1] must have 5 examples, like data.a: current value is 10",
    );
    tensor.dispose();
  }),
);

Deno.test(
  "TensorDataset refuses columns of the wrong kind, type or shape",
  leavesNoTensor(() => {
    const good = { values: new Float32Array(6), shape: [6] };
    const scalar = tf.scalar(1);
    const disposed = tf.ones([6]);
    disposed.dispose();
    // deno-lint-ignore no-explicit-any
    const refusals: [any, new (message: string) => Error, string][] = [
      [disposed, TypeError, "data must be a live tensor: current value is disposed"],
      [scalar, RangeError, "data.shape must be [examples, ...]: current value is []"],
      [{ ...good, shape: [] }, RangeError, "data.shape must be [examples, ...]"],
      [{ ...good, shape: [-6] }, RangeError, "current value is [-6]"],
      [{ ...good, shape: [6, 2] }, RangeError, "12 elements for shape [6, 2]: current value is 6"],
      [{ ...good, shape: [2, 2] }, RangeError, "4 elements for shape [2, 2]: current value is 6"],
      [{ ...good, scal: 2 }, TypeError, 'there is no "scal", did you mean "scale"?'],
      [{ ...good, scale: NaN }, RangeError, "data.scale must be finite: current value is NaN"],
      [{ ...good, offset: Infinity }, RangeError, "data.offset must be finite"],
      [{ ...good, dtype: "string" }, TypeError, 'current value is "string"'],
      [{ values: [1, 2], shape: [2] }, TypeError, "data.values must be a typed array"],
      [
        { values: new BigInt64Array(2), shape: [2] },
        TypeError,
        "current value is an instance of BigInt64Array",
      ],
      [[1, 2], TypeError, "data[0] must be a tensor, { values, shape }"],
      [null, TypeError, "current value is null"],
      [new Map(), TypeError, "current value is an instance of Map"],
    ];
    for (const [data, type, message] of refusals) {
      assertThrows(() => new TensorDataset({ data, labels: good }), type, message);
    }
    assertThrows(() => new TensorDataset({ data: [], labels: {} }), TypeError, "have a column");
    scalar.dispose();
  }),
);

Deno.test(
  "TensorDataset refuses an index out of range",
  leavesNoTensor(() => {
    using dataset = new TensorDataset({ data: tf.ones([2]), labels: tf.ones([2]) });
    assertThrows(
      () => dataset.batch(Int32Array.of(0, 2)),
      RangeError,
      "in [0, 2): current value is 2",
    );
    assertThrows(() => dataset.batch(Int32Array.of(-1)), RangeError, "current value is -1");
  }),
);

Deno.test("ArrayDataset is synchronous unless load or collate is not", async () => {
  const collate = (examples: number[]) => examples.join("+");
  const indices = Int32Array.of(1, 0);
  assertEquals(new ArrayDataset([4, 5], { collate }).batch(indices), "5+4");
  const load = (example: number) => example * 2;
  assertEquals(new ArrayDataset([4, 5], { collate, load }).batch(indices), "10+8");
  const later = (example: number) => Promise.resolve(example * 3);
  const promise = new ArrayDataset([4, 5], { collate, load: later }).batch(indices);
  assert(promise instanceof Promise);
  assertEquals(await promise, "15+12");
  const collateLater = (examples: number[]) => Promise.resolve(collate(examples));
  assertEquals(await new ArrayDataset([4, 5], { collate: collateLater }).batch(indices), "5+4");
});

Deno.test("ArrayDataset loads the examples of a batch concurrently, with the signal", async () => {
  const { signal } = new AbortController();
  let loading = 0, most = 0;
  const dataset = new ArrayDataset([1, 2, 3], {
    collate: (examples) => examples,
    load: async (example, given) => {
      assert(given === signal);
      most = Math.max(most, ++loading);
      await Promise.resolve();
      loading--;
      return example;
    },
  });
  assertEquals(await dataset.batch(Int32Array.of(0, 1, 2), signal), [1, 2, 3]);
  assertEquals(most, 3);
});

for (const when of ["at once", "later"]) {
  Deno.test(
    `ArrayDataset disposes the other examples when load fails ${when}`,
    leavesNoTensor(async () => {
      const dataset = new ArrayDataset([0, 1, 2, 3], {
        collate: (examples: tf.Tensor[]) => tf.stack(examples),
        load: (example) => {
          if (example === 3 && when === "at once") throw new Error("no such file");
          if (example === 0) return tf.scalar(0);
          return Promise.resolve().then(() => {
            if (example === 3) throw new Error("no such file");
            return tf.scalar(example);
          });
        },
      });
      await assertRejects(
        async () => await dataset.batch(Int32Array.of(0, 1, 2, 3)),
        Error,
        "no such file",
      );
      await new Promise((resolve) => setTimeout(resolve));
    }),
  );
}

for (
  const [name, isAsync] of [["tidies a synchronous collate", false], [
    "leaves an asynchronous collate alone",
    true,
  ]] as const
) {
  Deno.test(
    `ArrayDataset ${name}, and disposes the tensors that load made`,
    leavesNoTensor(async () => {
      const between: tf.Tensor[] = [];
      const dataset = new ArrayDataset([1, 2, 3], {
        load: (example) => ({ pixels: tf.fill([2], example) }),
        collate: (examples) => {
          const stacked = tf.stack(examples.map(({ pixels }) => pixels));
          between.push(stacked);
          const batch = { data: stacked.mul(2), labels: examples[0].pixels };
          return isAsync ? Promise.resolve(batch) : batch;
        },
      });
      const { data, labels } = await dataset.batch(Int32Array.of(2, 0));
      assertEquals([...data.dataSync()], [6, 6, 2, 2]);
      assertEquals([...labels.dataSync()], [3, 3]);
      assertEquals(between[0].isDisposed, !isAsync);
      tf.dispose([data, labels, between]);
    }),
  );
}

Deno.test(
  "ArrayDataset keeps the tensors that are its examples",
  leavesNoTensor(async () => {
    const examples = [tf.scalar(1), tf.scalar(2)];
    for (const load of [undefined, (example: tf.Tensor) => example]) {
      const dataset = new ArrayDataset<tf.Tensor, tf.Tensor>(examples, { load, collate: tf.stack });
      tf.dispose(await dataset.batch(Int32Array.of(0, 1)));
      assertEquals(examples.map(({ isDisposed }) => isDisposed), [false, false]);
    }
    tf.dispose(examples);
  }),
);

Deno.test(
  "ArrayDataset disposes everything when collate throws or rejects",
  leavesNoTensor(async () => {
    for (const isAsync of [false, true]) {
      const dataset = new ArrayDataset([1], {
        load: (example) => tf.scalar(example),
        collate: (examples): tf.Tensor | Promise<tf.Tensor> => {
          if (isAsync) return Promise.reject(new Error("no batch"));
          examples[0].square();
          throw new Error("no batch");
        },
      });
      await assertRejects(async () => await dataset.batch(Int32Array.of(0)), Error, "no batch");
    }
  }),
);

Deno.test("ArrayDataset refuses examples, functions and indices of the wrong kind", () => {
  const collate = (examples: unknown[]) => examples;
  assertThrows(() => new ArrayDataset("abc" as never, { collate }), TypeError, 'value is "abc"');
  assertThrows(() => new ArrayDataset([], {} as never), TypeError, "collate must be a function");
  assertThrows(
    () => new ArrayDataset([], { collate, load: 1 as never }),
    TypeError,
    "load must be a function: current value is 1",
  );
  assertThrows(
    () => new ArrayDataset([1], { collate }).batch(Int32Array.of(1)),
    RangeError,
    "[0, 1)",
  );
});

Deno.test("subset() has the examples of indices or of a range", async () => {
  const dataset = numbers(6);
  assertEquals(await all(subset(dataset, [5, 0, 5])), [5, 0, 5]);
  assertEquals(await all(subset(dataset, { start: 2, end: 4 })), [2, 3]);
  assertEquals(await all(subset(dataset, { end: 2 })), [0, 1]);
  assertEquals(await all(subset(dataset, {})), [0, 1, 2, 3, 4, 5]);
  assertEquals(await all(subset(dataset, [])), []);
  assertEquals(await all(subset(subset(dataset, [4, 3, 2]), { start: 1 })), [3, 2]);
});

Deno.test("subset() keeps its own copy of the indices", async () => {
  const indices = [1, 2];
  const part = subset(numbers(3), indices);
  indices[0] = 0;
  assertEquals(await all(part), [1, 2]);
});

Deno.test("subset() refuses indices and ranges outside the dataset", () => {
  const dataset = numbers(6);
  assertThrows(() => subset(dataset, [6]), RangeError, "in [0, 6): current value is 6");
  assertThrows(() => subset(dataset, [0.5]), RangeError, "current value is 0.5");
  assertThrows(
    () => subset(dataset, { end: 7 }),
    RangeError,
    "end must be an integer in [0, 6]: current value is 7",
  );
  assertThrows(
    () => subset(dataset, { start: 4, end: 3 }),
    RangeError,
    "start must be an integer in [0, 3]: current value is 4",
  );
  assertThrows(() => subset(dataset, [1]).batch(Int32Array.of(1)), RangeError, "in [0, 1)");
});

Deno.test("split() puts each example into one part", async () => {
  for (const sizes of [[0.9, 0.1], [70, 20, 10], [0.29, 0.71], [1 / 3, 1 / 3, 1 / 3], [100], [1]]) {
    const parts = split(numbers(100), sizes, { seed: 3 });
    const examples = (await Promise.all(parts.map(all))).flat();
    assertEquals(examples.toSorted((a, b) => a - b), [...Array(100).keys()]);
  }
});

Deno.test("split() rounds fractions down and shares the rest among the first parts", () => {
  const lengths = (length: number, sizes: number[]) =>
    split(numbers(length), sizes).map((part) => part.length);
  assertEquals(lengths(60_000, [0.9, 0.1]), [54_000, 6000]);
  assertEquals(lengths(100, [0.71, 0.29]), [71, 29]);
  assertEquals(lengths(10, [1 / 3, 1 / 3, 1 / 3]), [4, 3, 3]);
  assertEquals(lengths(5, [0, 0.5, 0.5]), [0, 3, 2]);
  assertEquals(lengths(7, [7, 0]), [7, 0]);
  assertEquals(lengths(0, [0.5, 0.5]), [0, 0]);
});

Deno.test("split() shuffles by the seed alone, or not at all", async () => {
  const first = (seed?: number) => all(split(numbers(50), [25, 25], { seed })[0]);
  assertEquals(await first(1), await first(1));
  assert(String(await first(1)) !== String(await first(2)));
  assertEquals(await first(), await first(0));
  const parts = split(numbers(5), [3, 2], { shuffle: false });
  assertEquals(await Promise.all(parts.map(all)), [[0, 1, 2], [3, 4]]);
});

Deno.test("split() refuses sizes that do not add up", () => {
  for (const sizes of [[0.5, 0.4], [3, 3], [], [-1, 6], [1.5, -0.5], [NaN]]) {
    assertThrows(
      () => split(numbers(5), sizes),
      RangeError,
      `current value is [${sizes.join(", ")}]`,
    );
  }
});

const kinds = (counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([kind, count]) => Array<string>(count).fill(kind));

function shares(examples: readonly number[], classes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const example of examples) counts[classes[example]] = (counts[classes[example]] ?? 0) + 1;
  return counts;
}

Deno.test("split() with stratify gives each part its share of each class, within one example", async () => {
  const classes = kinds({ a: 700, b: 250, c: 45, d: 5 });
  for (const sizes of [[0.8, 0.2], [0.7, 0.15, 0.15], [900, 100]]) {
    const parts = await Promise.all(
      split(numbers(1000), sizes, { stratify: classes, seed: 4 }).map(all),
    );
    assertEquals(parts.flat().toSorted((a, b) => a - b), [...Array(1000).keys()]);
    for (const part of parts) {
      const counts = shares(part, classes);
      for (const [kind, count] of Object.entries({ a: 700, b: 250, c: 45, d: 5 })) {
        const difference = Math.abs((counts[kind] ?? 0) - count * part.length / 1000);
        assert(difference <= 1, `${kind} ${difference}`);
      }
    }
  }
  const [first, other] = [1, 2].map((seed) =>
    split(numbers(1000), [1], { stratify: classes, seed })
  );
  assertNotEquals(await all(first[0]), await all(other[0]));
});

Deno.test("kFold() validates each example once, and trains on all others", async () => {
  for (const [length, folds] of [[10, 2], [10, 3], [7, 7], [101, 5]]) {
    const parts = kFold(numbers(length), folds, { seed: 1 });
    assertEquals(parts.length, folds);
    const validated: number[] = [];
    for (const { train, validation } of parts) {
      const [trained, held] = [await all(train), await all(validation)];
      validated.push(...held);
      assertEquals([...trained, ...held].toSorted((a, b) => a - b), [...Array(length).keys()]);
      assert(
        held.length === Math.floor(length / folds) || held.length === Math.ceil(length / folds),
      );
    }
    assertEquals(validated.toSorted((a, b) => a - b), [...Array(length).keys()]);
  }
});

Deno.test("kFold() with stratify gives each fold its share of each class, within one example", async () => {
  const classes = kinds({ a: 50, b: 31, c: 4 });
  for (const { validation } of kFold(numbers(85), 4, { stratify: classes })) {
    const { a, b, c } = shares(await all(validation), classes);
    assert(a >= 12 && a <= 13 && b >= 7 && b <= 8 && c === 1, `${a} ${b} ${c}`);
  }
});

Deno.test("split() and kFold() refuse classes and folds that do not fit", () => {
  assertThrows(
    () => split(numbers(3), [1], { stratify: [0, 1] }),
    TypeError,
    "stratify must have the class of each of 3 examples: current value is an array of length 2",
  );
  assertThrows(() => split(numbers(3), [1], { stratify: true as never }), TypeError, "is true");
  for (const folds of [0, 1, 4, 1.5]) {
    assertThrows(() => kFold(numbers(3), folds), RangeError, "an integer in [2, 3]");
  }
  assertThrows(() => kFold(numbers(3), 2, { sead: 1 } as never), TypeError, 'mean "seed"');
});
