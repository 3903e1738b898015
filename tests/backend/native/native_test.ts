import { assert, assertEquals, assertLess, assertMatch, assertThrows } from "@std/assert";
import { type NativeName, selectBackend, tf } from "../../../mod.ts";
import { KernelHeap } from "../../../src/backend/kernel_heap.ts";
import { loadKernels } from "../../../src/backend/load_kernels.ts";
import { convolveArguments, NativeKernels } from "../../../src/backend/native/native_kernels.ts";
import type { NativeLibrary, Pass } from "../../../src/backend/native/native_library.ts";
import { openNative } from "../../../src/backend/native/open_native.ts";
import type { BackendWasm } from "../../../src/deps/tfjs_wasm.ts";
import { NATIVES, withNative } from "../../fixtures/native.ts";
import { relativeError } from "../../fixtures/on_backends.ts";

const hasOneDnn = NATIVES.includes("onednn");

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

Deno.test("a convolution outside the heap is an error, too", { ignore: !hasOneDnn }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const heap = heapWith(openNative("onednn", 1).library!);
  const tensor = tf.zeros([4096]);
  const at = heap.at(tensor), c = geometry(2, 6);
  for (const pass of ["forward", "input", "filter"] as Pass[]) {
    heap.run("nativeConvolve", convolveArguments(pass, c, at, at + 4096, at + 8192));
    for (const wrong of [[0, at, at], [at, -8, at], [at, at, 2 ** 32 - 64]]) {
      const args = convolveArguments(pass, c, wrong[0], wrong[1], wrong[2]);
      assertThrows(() => heap.run("nativeConvolve", args), RangeError, "on the heap");
    }
  }
  tensor.dispose();
});

Deno.test("so is a pooling outside the heap", { ignore: !hasOneDnn }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const heap = heapWith(openNative("onednn", 1).library!);
  const tensor = tf.zeros([4096]);
  const at = heap.at(tensor), c = { ...geometry(2, 6, 2, 2), outChannels: 3 };
  // The arguments behind the addresses are those of a convolution.
  const run = (operation: number, ...places: [number, number, number, number]) => {
    const geometry = convolveArguments("forward", c, 0, 0, 0).slice(4);
    heap.run("nativePool", [...places, operation, ...geometry]);
  };
  for (const operation of [0, 1, 2]) {
    run(operation, at, at + 4096, at + 6144, at + 8192);
    assertThrows(() => run(operation, at, at - 2, at, at), RangeError, "on the heap");
  }
  assertThrows(() => run(0, 0, at, at, at), RangeError, "on the heap");
  assertThrows(() => run(1, 0, at, 2 ** 32 - 64, at), RangeError, "on the heap");
  assertThrows(() => run(2, at, at, at, 0), RangeError, "on the heap");
  tensor.dispose();
});

Deno.test("usual poolings have a fast way", { ignore: !hasOneDnn }, () => {
  const library = openNative("onednn", 1).library!;
  for (const [size, stride] of [[2, 2], [3, 2], [2, 1], [7, 7]]) {
    const c = { ...geometry(8, 28, size, stride), channels: 32, outChannels: 32 };
    for (const operation of ["average", "averageGradient", "maximumGradient"] as const) {
      assert(library.canPool!(operation, c), `${operation} ${size} ${stride}`);
    }
  }
});

Deno.test("prepared convolutions are bounded in number and in memory", {
  ignore: !hasOneDnn,
}, async () => {
  await withNative("onednn", () => {
    const { library } = openNative("onednn", 1);
    const w = random([3, 3, 8, 16], 1) as tf.Tensor4D;
    const run = (height: number, width: number) =>
      tf.tidy(() => {
        const x = tf.ones([1, height, width, 8]) as tf.Tensor4D;
        tf.grads((x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"))([x, w]);
      });
    const round = () => {
      for (let height = 3; height < 21; height++) {
        for (let width = 3; width < 23; width++) run(height, width);
      }
    };
    // 360 shapes of 3 passes: more than are kept.
    round();
    const prepared = () => (library as unknown as { prepared: number }).prepared;
    assertEquals(prepared(), 512);
    round();
    const { rss } = Deno.memoryUsage();
    for (let i = 0; i < 3; i++) round();
    assertEquals(prepared(), 512);
    // Without freeing, 1,700 passes would hold several hundred MiB.
    assertLess(Deno.memoryUsage().rss - rss, 160 * 2 ** 20);
    w.dispose();
  });
});

Deno.test("every pass of usual convolutions has a fast way", { ignore: !hasOneDnn }, () => {
  const library = openNative("onednn", 1).library!;
  for (const stride of [1, 2]) {
    for (const size of [1, 3, 5, 7]) {
      for (const [inputs, outputs] of [[1, 32], [3, 64], [32, 64], [64, 64], [256, 512]]) {
        const c = { ...geometry(8, 28, size, stride), channels: inputs, outChannels: outputs };
        for (const pass of ["forward", "input", "filter"] as Pass[]) {
          assert(library.canConvolve!(pass, c), `${pass} ${size} ${stride} ${inputs} ${outputs}`);
        }
      }
      const c = {
        ...geometry(8, 28, size, stride),
        depthwise: true,
        channels: 32,
        outChannels: 32,
      };
      for (const pass of ["forward", "input", "filter"] as Pass[]) {
        if (size === 3) {
          assert(library.canConvolve!(pass, c), `${pass} ${size} ${stride} depthwise`);
        }
      }
    }
  }
});

/** A convolution of square images, from 3 channels to 5, with padding "valid". */
function geometry(batch: number, size: number, filter = 3, stride = 1) {
  const output = Math.floor((size - filter) / stride) + 1;
  const square = (n: number): [number, number, number] => [1, n, n];
  return {
    ...{ batch, channels: 3, outChannels: 5, input: square(size), output: square(output) },
    ...{ filter: square(filter), stride: square(stride), dilation: square(1) },
    pad: [0, 0, 0] as [number, number, number],
  };
}

/** A heap of the current backend whose products `library` computes. */
function heapWith(library: NativeLibrary): KernelHeap {
  const backend = tf.backend() as unknown as BackendWasm;
  const module = backend.wasm as unknown as { HEAPU8: Uint8Array };
  const native = new NativeKernels(library, module);
  const { kernels, addresses } = loadKernels(backend)!;
  return new KernelHeap(backend, kernels, addresses, undefined, native);
}

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
