import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import { adam, crossEntropy, selectBackend, sgd, tf } from "../../mod.ts";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

/** The size of the heap of tfjs's module, in bytes. */
function heapSize(): number {
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  return wasm.HEAPU8.length;
}

Deno.test("10,000 steps leave no tensors and no memory allocated", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const before = tf.memory().numTensors;
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [5, 5, 2], filters: 4, kernelSize: 3, activation: "relu" }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 3 }),
    ],
  });
  const x = tf.randomNormal([2, 5, 5, 2]), y = tf.tensor1d([0, 2], "int32");
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  for (const optimizer of [adam(1e-3), sgd(1e-3, { momentum: 0.9 })]) {
    const step = () => {
      optimizer.minimize(
        () => crossEntropy(model.apply(x, { training: true }) as tf.Tensor, y),
        false,
        variables,
      );
    };
    for (let i = 0; i < 100; i++) step();
    const [tensors, bytes] = [tf.memory().numTensors, heapSize()];
    for (let i = 0; i < 5000; i++) step();
    assertEquals(tf.memory().numTensors, tensors);
    assertEquals(heapSize(), bytes);
    optimizer.dispose();
  }
  model.dispose();
  tf.dispose([x, y]);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("running out of memory is a clear error", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const error = assertThrows(
    () => tf.zeros([2 ** 30 + 1]),
    RangeError,
    "Cannot allocate 4294967300 bytes",
  );
  assertStringIncludes(error.message, "Dispose tensors, or train with smaller batches");
  const kept: tf.Tensor[] = [];
  const { makeOutput } = tf.backend() as unknown as {
    makeOutput(shape: number[], dtype: string): tf.TensorInfo;
  };
  assertThrows(
    () => {
      for (let i = 0; i < 5; i++) {
        const info = makeOutput.call(tf.backend(), [2 ** 28], "float32");
        kept.push(tf.engine().makeTensorFromTensorInfo(info));
      }
    },
    RangeError,
    "must hold all tensors in 4 GiB",
  );
  tf.dispose(kept);
  assertLess(kept.length, 5);
  assertEquals(tf.tidy(() => tf.ones([3]).sum().dataSync()[0]), 3, "computing continues");
});

Deno.test("tensors beyond 2 GiB of the heap are right", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const { makeOutput } = tf.backend() as unknown as {
    makeOutput(shape: number[], dtype: string): tf.TensorInfo;
  };
  const large = [0, 1].map(() =>
    tf.engine().makeTensorFromTensorInfo(
      makeOutput.call(tf.backend(), [2 ** 28 + 2 ** 27], "float32"),
    )
  );
  tf.tidy(() => {
    const a = tf.randomNormal([65, 33], 0, 1, "float32", 1),
      b = tf.randomNormal([33, 17], 0, 1, "float32", 2);
    const c = a.matMul(b).dataSync(), [x, y] = [a.dataSync(), b.dataSync()];
    let expected = 0;
    for (let k = 0; k < 33; k++) expected += x[64 * 33 + k] * y[k * 17 + 16];
    assertLess(Math.abs(c[64 * 17 + 16] - expected), 1e-5);
  });
  tf.dispose(large);
});

Deno.test("our kernels leave other dtypes to those of tfjs", { ignore }, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  tf.tidy(() => {
    const x = tf.tensor1d([1, -2, 3], "int32");
    assertEquals([...x.sum().dataSync()], [2]);
    assertEquals([...tf.relu(x).dataSync()], [1, 0, 3]);
    assertEquals(tf.tensor(["a", "b"]).clone().dataSync() as unknown, ["a", "b"]);
    const total = tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1], "int32"), 2);
    assertEquals([total.dtype, ...total.dataSync()], ["int32", -2, 4]);
  });
});

Deno.test("without an internal, tfjs's kernels compute, and a warning names it", {
  ignore,
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const backend = tf.backend() as unknown as { makeOutput?: unknown };
  const { warn } = console;
  const said: string[] = [];
  Object.defineProperty(backend, "makeOutput", { value: undefined, configurable: true });
  console.warn = (line: string) => void said.push(line);
  try {
    const { reason } = await selectBackend({ prefer: "wasm", quiet: true });
    assertStringIncludes(reason, "tfjs's own kernels, as it has no makeOutput");
    assertStringIncludes(said[0], "no makeOutput");
  } finally {
    console.warn = warn;
    delete backend.makeOutput;
  }
  await selectBackend({ prefer: "wasm", quiet: true });
});
