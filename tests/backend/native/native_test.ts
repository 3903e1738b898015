import { assert, assertEquals, assertLess, assertMatch, assertThrows } from "@std/assert";
import { type NativeName, selectBackend, tf } from "../../../mod.ts";
import type { NativeLibrary } from "../../../src/backend/native/native_library.ts";
import { openNative } from "../../../src/backend/native/open_native.ts";
import { heapWith, NATIVES, withNative } from "../../fixtures/native.ts";
import { relativeError } from "../../fixtures/on_backends.ts";

/** Registers a test for each library that is installed; one that is ignored where none is. */
function testOnNatives(name: string, test: (native: NativeName) => void | Promise<void>): void {
  if (NATIVES.length === 0) {
    Deno.test(`${name} [no library, or no --allow-ffi]`, { ignore: true }, () => {});
  }
  for (const native of NATIVES) {
    Deno.test(`${name} [${native}]`, async () => {
      await selectBackend({ prefer: "wasm", quiet: true });
      const before = tf.memory().numTensors;
      tf.engine().startScope();
      try {
        await withNative(native, () => test(native));
      } finally {
        tf.engine().endScope();
      }
      assertEquals(tf.memory().numTensors, before, "tensors are left");
    });
  }
}

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);

testOnNatives(
  "selectBackend({ native }) names the library and what it computes",
  async (native) => {
    const { name, reason, native: library } = await selectBackend({ native, quiet: true });
    assertEquals(name, "wasm");
    assertMatch(library!, /^(oneDNN|OpenBLAS|BLIS|Accelerate)( \d+\.\d+(\.\d+)?)?$/);
    assert(
      reason.includes(`products${native === "onednn" ? " and convolutions" : ""} by ${library}`),
    );
    const plain = await selectBackend({ prefer: "wasm", quiet: true });
    assertEquals(plain.native, undefined);
  },
);

testOnNatives("the library computes products, and no other kernel does", (native) => {
  const calls: string[] = [];
  const { library } = openNative(native, 1);
  const heap = heapWith(recorded(library!, calls));
  const [a, b, c] = [random([5, 7], 1), random([7, 9], 2), tf.zeros([5, 9])];
  const at = [a, b, c].map((tensor) => heap.at(tensor));
  heap.run("gemm", [...at, 5, 9, 7, 0, 5, 0, 9, 0, 0, 7, 9, 0, 0, heap.scratch()]);
  assertEquals(calls, ["multiply 5 x 9 x 7"]);
  assertLess(relativeError(c, naive(a, b)), 1e-6);
});

testOnNatives("long sums are as precise as on wasm", async () => {
  const [a, b] = [random([3, 100_003], 1), random([100_003, 2], 2)];
  const product = () => tf.matMul(a, b);
  const exact = naive(a, b);
  const error = relativeError(product(), exact);
  await selectBackend({ prefer: "wasm", quiet: true });
  assertLess(error, Math.max(2 * relativeError(product(), exact), 1e-5));
});

testOnNatives("NaN and infinity go through fused activations", () => {
  for (const activation of ["linear", "relu", "relu6"] as const) {
    for (const value of [NaN, Infinity, -Infinity]) {
      const x = tf.tensor2d(new Float32Array(7).fill(value), [1, 7]);
      const b = tf.fill([7, 33], 0.5) as tf.Tensor2D, bias = tf.ones([33]);
      const y = tf.fused.matMul({ a: x, b, bias, activation }).dataSync();
      const image = x.reshape([1, 1, 1, 7]) as tf.Tensor4D;
      const filter = tf.fill([1, 1, 7, 33], 0.5) as tf.Tensor4D;
      const options = { x: image, filter, bias, activation, strides: 1, pad: "same" } as const;
      const z = tf.fused.conv2d(options).dataSync();
      const limits = {
        linear: value,
        relu: Math.max(value, 0),
        relu6: Math.min(6, Math.max(value, 0)),
      };
      const expected = Array(33).fill(limits[activation]);
      assertEquals([[...y], [...z]], [expected, expected], `${activation} of ${value}`);
    }
  }
});

testOnNatives("what was in the memory of a result does not matter", () => {
  for (let i = 0; i < 3; i++) {
    // The memory of this tensor becomes that of the result.
    tf.tidy(() => void tf.fill([37, 53], NaN).add(0));
    const y = tf.matMul(tf.ones([37, 11]), tf.ones([11, 53]));
    assertEquals(new Set(y.dataSync()), new Set([11]));
    tf.tidy(() => void tf.fill([2, 9, 9, 5], NaN).add(0));
    const z = tf.conv2d(
      tf.ones([2, 11, 11, 3]) as tf.Tensor4D,
      tf.ones([3, 3, 3, 5]) as tf.Tensor4D,
      1,
      "valid",
    );
    assertEquals(new Set(z.dataSync()), new Set([27]));
  }
});

testOnNatives("the same calls give the same bits", () => {
  const [a, b] = [random([65, 131], 1), random([131, 77], 2)];
  const [x, w] = [random([4, 13, 11, 16], 3), random([3, 3, 16, 24], 4)];
  const run = () => {
    const [gx, gw] = tf.grads((x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"))([
      x,
      w,
    ]);
    return [tf.matMul(a, b), gx, gw].map((tensor) => [...tensor.dataSync()]);
  };
  const first = run();
  for (let i = 0; i < 5; i++) assertEquals(run(), first);
});

testOnNatives("empty tensors have empty products and convolutions", () => {
  assertEquals(tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 2])).shape, [0, 2]);
  assertEquals([...tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 1])).dataSync()], [0, 0]);
  const y = tf.conv2d(
    tf.zeros([0, 5, 5, 2]) as tf.Tensor4D,
    tf.zeros([3, 3, 2, 4]) as tf.Tensor4D,
    1,
    "same",
  );
  assertEquals(y.shape, [0, 5, 5, 4]);
});

testOnNatives("an address outside the heap is an error, not the end of the process", (native) => {
  const { library } = openNative(native, 1);
  const heap = heapWith(library!);
  const product = (a: number, b: number, c: number, rows = 4, depth = 4) =>
    heap.run("gemm", [
      a,
      b,
      c,
      rows,
      4,
      depth,
      0,
      rows,
      0,
      4,
      0,
      0,
      depth,
      4,
      0,
      0,
      heap.scratch(),
    ]);
  const at = heap.at(tf.zeros([64]));
  product(at, at, at + 64);
  for (
    const wrong of [[0, at, at], [at, -4, at], [at, at, 2 ** 32 - 64], [at, at + 2, at], [
      NaN,
      at,
      at,
    ]]
  ) {
    assertThrows(() => product(wrong[0], wrong[1], wrong[2]), RangeError, "on the heap");
  }
  assertThrows(() => product(at, at, at, 2 ** 20, 2 ** 20), RangeError, "on the heap");
});

function recorded(library: NativeLibrary, calls: string[]): NativeLibrary {
  return {
    name: library.name,
    leastRows: library.leastRows,
    setThreads: () => {},
    multiply(product, ...addresses) {
      calls.push(`multiply ${product.rows} x ${product.columns} x ${product.depth}`);
      library.multiply(product, ...addresses);
    },
  };
}

/** The product in doubles. */
function naive(a: tf.Tensor, b: tf.Tensor): number[] {
  const [rows, depth] = a.shape, columns = b.shape[1]!;
  const [x, y] = [a.dataSync(), b.dataSync()];
  return Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < depth!; k++) {
      sum += x[Math.floor(i / columns) * depth! + k] * y[k * columns + i % columns];
    }
    return sum;
  });
}
