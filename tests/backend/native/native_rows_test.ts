import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { selectBackend, tf } from "../../../mod.ts";
import { type KernelHeap, useHeap } from "../../../src/backend/kernel_heap.ts";
import type { NativeLibrary, RowOperation } from "../../../src/backend/native/native_library.ts";
import type { Threads } from "../../../src/backend/threads.ts";
import { openNative } from "../../../src/backend/native/open_native.ts";
import { heapWith, NATIVES } from "../../fixtures/native.ts";
import { relativeError } from "../../fixtures/on_backends.ts";

/** Registers a test that is ignored where there is no oneDNN. */
function testOnOneDnn(name: string, test: (library: NativeLibrary) => void): void {
  Deno.test(name, { ignore: !NATIVES.includes("onednn") }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const before = tf.memory().numTensors;
    tf.engine().startScope();
    try {
      test(openNative("onednn", 1).library!);
    } finally {
      tf.engine().endScope();
      await selectBackend({ prefer: "wasm", quiet: true });
    }
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });
}

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);

/** The library, and the operations that it has computed. */
function recorded(library: NativeLibrary, computed: string[]): NativeLibrary {
  return {
    ...{ name: library.name, leastRows: library.leastRows, setThreads: () => {} },
    multiply: library.multiply.bind(library),
    can: (operation) => library.can!(operation),
    compute(operation, addresses) {
      const done = library.compute!(operation, addresses);
      const isBiased = operation.kind === "products" && operation.bias;
      if (done) computed.push(isBiased ? "products with a bias" : operation.kind);
      return done;
    },
  };
}

/** Runs kernels on a heap. */
function onHeap<T>(heap: KernelHeap, run: () => T): T {
  useHeap(heap);
  return run();
}

const run = (name: string, inputs: Record<string, tf.Tensor>, attributes = {}) =>
  [tf.engine().runKernel(name, inputs, attributes)].flat() as tf.Tensor[];

testOnOneDnn("oneDNN computes rows and batches of products that are worth a call", (library) => {
  const [x, dy, y] = [1, 2, 3].map((seed) => random([130, 64], seed));
  const [scale, offset] = [random([64], 4), random([64], 5)];
  const [a, b] = [random([12, 31, 20], 6), random([12, 20, 33], 7)];
  const norm = { size: 64, epsilon: 1e-3 };
  const cases: Record<string, () => tf.Tensor[]> = {
    softmax: () => run("Softmax", { logits: x }),
    softmaxGradient: () => run("TrainchartSoftmaxGradient", { dy, y }),
    layerNorm: () => run("TrainchartLayerNorm", { x, scale, offset }, norm),
    layerNormGradient: () => run("TrainchartLayerNormGradient", { dy, x, scale }, norm),
    products: () => [tf.matMul(a, b)],
  };
  const computed: string[] = [];
  const [own, native] = [heapWith(), heapWith(recorded(library, computed))];
  for (const [kind, compute] of Object.entries(cases)) {
    computed.length = 0;
    const expected = onHeap(own, compute);
    assertEquals(computed, []);
    onHeap(native, compute).forEach((result, i) =>
      assertLess(relativeError(result, expected[i]), 1e-5, `result ${i} of ${kind}`)
    );
    assertEquals(computed, [kind]);
  }
});

testOnOneDnn("oneDNN prepares large products, too: the other kind starts slowly", (library) => {
  const computed: string[] = [];
  useHeap(heapWith(recorded(library, computed)));
  tf.matMul(random([64, 700], 1), random([700, 700], 2));
  tf.matMul(random([700, 64], 1), random([700, 700], 2), true);
  assertEquals(computed, ["products", "products"]);
});

testOnOneDnn("oneDNN adds the bias of a product that has no activation", (library) => {
  const computed: string[] = [];
  const [own, native] = [heapWith(), heapWith(recorded(library, computed))];
  const [a, b, bias] = [random([40, 30], 1), random([30, 50], 2), random([50], 3)] as [
    ...[tf.Tensor2D, tf.Tensor2D, tf.Tensor1D],
  ];
  for (const activation of ["linear", "relu"] as const) {
    const compute = () => tf.fused.matMul({ a, b, bias, activation });
    assertLess(relativeError(onHeap(native, compute), onHeap(own, compute)), 1e-5);
  }
  assertEquals(computed, ["products with a bias", "products"]);
});

testOnOneDnn("our kernels compute rows that are small, or whose sums are long", (library) => {
  const { native } = heapWith(library);
  const can = (rows: number, columns: number) =>
    (["softmax", "softmaxGradient", "layerNorm", "layerNormGradient"] as const).map((kind) =>
      native!.canCompute({ kind, rows, columns, epsilon: 1e-3 })
    );
  assertEquals(can(256, 64), Array(4).fill(true));
  for (const [rows, columns] of [[0, 64], [64, 0], [4, 64], [4096, 8], [2 ** 15, 64]]) {
    assertEquals(can(rows, columns), Array(4).fill(false), `${rows} rows of ${columns}`);
  }
});

testOnOneDnn("each row of a softmax that has a NaN or an infinity is NaN", (library) => {
  const values = random([200, 64], 1).dataSync().slice();
  for (const [row, value] of [[3, NaN], [70, Infinity], [199, NaN]]) values[row * 64 + 7] = value;
  values.fill(-Infinity, 64 * 90, 64 * 91);
  values[64 * 120] = -Infinity;
  const compute = () => run("Softmax", { logits: tf.tensor2d(values, [200, 64]) })[0];
  const nans = [...onHeap(heapWith(library), compute).dataSync()].map(Number.isNaN);
  nans.forEach((isNaN, i) =>
    assertEquals(isNaN, [3, 70, 90, 199].includes(i >> 6), `element ${i}`)
  );
});

testOnOneDnn("threads share a call that the library leaves to our kernel", (library) => {
  const begun: string[] = [];
  const begin = (_: number, name: string) => void begun.push(name);
  const heap = heapWith(
    library,
    { count: 1, begin, takeBack: () => false, finish: () => {} } as unknown as Threads,
  );
  const logits = random([4096, 128], 1);
  onHeap(heap, () => run("Softmax", { logits }));
  assertEquals(begun, []);
  onHeap(heap, () => run("TrainchartLogSoftmax", { logits }));
  assertEquals(begun, ["softmax"]);
});

testOnOneDnn("rows outside the heap are an error, not the end of the process", (library) => {
  const heap = heapWith(library);
  const at = heap.at(tf.zeros([1024 * 64]));
  const calls: [name: string, addresses: number, rest: number[]][] = [
    ["softmax", 2, [0, 128, 64, 0, 0]],
    ["softmaxGradient", 3, [0, 128, 64, 0, 0]],
    ["layerNorm", 4, [0, 128, 64, 1e-3, 0]],
    ["nativeLayerNormGradient", 7, [128, 64, 1e-3]],
    ["gemmBatch", 3, [16, 32, 32, 0, 8, 512, 1024, 0, 0, 0, 0, 0]],
  ];
  for (const [name, count, rest] of calls) {
    const right = Array.from({ length: count }, (_, i) => at + i * 32768);
    heap.run(name, [...right, ...rest]);
    for (let i = 0; i < count; i++) {
      for (const wrong of [-4, at + 2, 2 ** 32 - 64, NaN]) {
        const places = right.with(i, wrong);
        assertThrows(() => heap.run(name, [...places, ...rest]), RangeError, "on the heap");
      }
    }
  }
});

testOnOneDnn("what was prepared for a number of threads is not used with another", (library) => {
  const operation: RowOperation = { kind: "softmax", rows: 64, columns: 64 };
  const prepared = () => (library as unknown as { prepared: number }).prepared;
  assert(library.can!(operation));
  assert(prepared() > 0);
  const threads = { count: 1 } as Threads;
  library.shareWith!(threads);
  assertEquals(prepared(), 0);
  assert(library.can!(operation));
  library.shareWith!(threads);
  assertEquals(prepared(), 1);
  library.shareWith!(undefined);
  assertEquals(prepared(), 0);
});
