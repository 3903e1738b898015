import { assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { keyedRandom } from "../../src/random/random_numbers.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

type Move = (x: tf.Tensor) => tf.Tensor | tf.Tensor[];
type Place = [number, number];

/** The results of a move on a backend, as text. */
async function resultsOf(
  backend: string,
  move: Move,
  shape: number[],
  dtype: tf.DataType,
): Promise<string> {
  await selectBackend({ prefer: backend as "cpu", quiet: true });
  return tf.tidy(() => {
    const values = Array.from(
      { length: tf.util.sizeFromShape(shape) },
      (_, i) => dtype === "bool" ? i * i % 3 % 2 : i + 1,
    );
    const results = [move(tf.tensor(values, shape, dtype))].flat();
    return JSON.stringify(
      results.map((
        { shape, dtype, dataSync },
        i,
      ) => [shape, dtype, [...dataSync.call(results[i])]]),
    );
  });
}

async function check(name: string, shape: number[], move: Move, dtypes = ["float32", "int32"]) {
  for (const dtype of dtypes as tf.DataType[]) {
    const actual = await resultsOf("wasm", move, shape, dtype);
    assertEquals(actual, await resultsOf("cpu", move, shape, dtype), `${name} of [${shape}]`);
  }
}

const ALL = ["float32", "int32", "bool"];

Deno.test("moves of random shapes are those of the cpu backend", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  const random = keyedRandom(1, 2);
  const below = (n: number) => Math.floor(random() * n);
  for (let round = 0; round < 30; round++) {
    const rank = 1 + below(5);
    const shape = Array.from({ length: rank }, () => 1 + below(rank <= 3 ? 40 : 7));
    const axis = below(rank), order = shape.map((_, i) => i);
    for (let i = rank - 1; i > 0; i--) {
      const j = below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    await check(`transpose(${order})`, shape, (x) => x.transpose(order), ALL);
    const reps = shape.map(() => 1 + below(3));
    await check(`tile(${reps})`, shape.map((n) => Math.min(n, 9)), (x) => x.tile(reps), ALL);
    if (rank === 5) continue;
    const around = shape.map((): Place => [below(3), below(3)]);
    await check(`pad(${around})`, shape, (x) => x.pad(around, 3));
    const inside = shape.map((n): Place => [below(Math.min(n, 3)), below(Math.min(n, 3))]);
    for (const mode of ["reflect", "symmetric"] as const) {
      await check(`mirrorPad(${inside})`, shape, (x) => tf.mirrorPad(x, inside, mode), ALL);
    }
    const begin = shape.map((n) => below(n)), size = shape.map((n, i) => 1 + below(n - begin[i]));
    await check(`slice(${begin}, ${size})`, shape, (x) => x.slice(begin, size), ALL);
    const axes = order.filter(() => below(2) > 0);
    await check(`reverse(${axes})`, shape, (x) => x.reverse(axes), ALL);
    const row = shape.map((n, i) => i === axis ? 1 : n);
    const start = shape.map(() => 0);
    await check(`concat ${axis}`, shape, (x) => tf.concat([x, x.slice(start, row), x], axis), ALL);
    await check(`stack ${axis}`, shape, (x) => tf.stack([x, x.reverse(), x], axis), ALL);
    await check(`unstack ${axis}`, shape, (x) => tf.unstack(x, axis), ALL);
    const even = shape.map((n, i) => i === axis ? 2 * n : n);
    await check(`split ${axis}`, even, (x) => tf.split(x, 2, axis), ALL);
  }
  await selectBackend({ prefer: "wasm", quiet: true });
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("moves between space, depth and batch are those of the cpu backend", {
  ignore,
}, async () => {
  for (const [batch, height, width, channels] of [[1, 1, 1, 1], [2, 3, 5, 4], [3, 4, 2, 7]]) {
    for (const block of [2, 3]) {
      const deep = [batch, height, width, channels * block ** 2];
      const toSpace: Move = (x) => tf.depthToSpace(x as tf.Tensor4D, block);
      await check("depthToSpace", deep, toSpace, ["float32"]);
      const many = [batch * block * 2, height, width, channels];
      for (const crops of [[[0, 0], [0, 0]], [[0, 1], [1, 0]]] as [Place, Place][]) {
        await check("batchToSpace", many, (x) => tf.batchToSpaceND(x, [block, 2], crops), ALL);
      }
    }
    const shape = [batch, height * 2, width * 3, channels];
    for (const paddings of [[[0, 0], [0, 0]], [[1, 1], [2, 1]]] as [Place, Place][]) {
      await check("spaceToBatch", shape, (x) => tf.spaceToBatchND(x, [2, 3], paddings));
    }
  }
});

/** Counts the bytes that a computation reads into JavaScript, or makes on the heap. */
async function bytesOf(compute: () => tf.Tensor): Promise<number> {
  const backend = tf.backend() as unknown as Record<
    string,
    (id: object, ...rest: unknown[]) => {
      byteLength: number;
    }
  >;
  const { readSync } = backend;
  let read = 0;
  backend.readSync = function (id, ...rest) {
    const values = readSync.call(this, id, ...rest);
    read += values.byteLength;
    return values;
  };
  try {
    const { kernels } = await tf.profile(() => tf.tidy(compute));
    return kernels.reduce((sum, { bytesAdded }) => sum + bytesAdded, read);
  } finally {
    backend.readSync = readSync;
  }
}

Deno.test("tf.slice() costs what its result costs", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const x = tf.zeros([6000, 784]);
  const y = await bytesOf(() => x.slice([100, 0], [64, 784]));
  assertEquals(y, 64 * 784 * 4);
  x.dispose();
});

Deno.test("model.predict() costs n times as much for n times the rows", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [50] })] });
  const costs = [];
  for (const rows of [256, 2560]) {
    const x = tf.zeros([rows, 50]);
    costs.push(await bytesOf(() => model.predict(x) as tf.Tensor));
    x.dispose();
  }
  assertLess(costs[1], 11 * costs[0]);
  model.dispose();
});
