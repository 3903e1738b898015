/**
 * Shares of threads in the operations of a library.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../../mod.ts";
import { useHeap } from "../../../src/backend/kernel_heap.ts";
import { WORTHWHILE } from "../../../src/backend/native/native_kernels.ts";
import { openNative } from "../../../src/backend/native/open_native.ts";
import type { Threads } from "../../../src/backend/threads.ts";
import { heapWith, NATIVES } from "../../fixtures/native.ts";
import { relativeError } from "../../fixtures/on_backends.ts";

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);

const run = (name: string, inputs: Record<string, tf.Tensor>, attributes = {}) =>
  [tf.engine().runKernel(name, inputs, attributes)].flat() as tf.Tensor[];

/** Operations whose work can be shared, and the number of calls; gradients repeat the results. */
const CASES: Record<string, [compute: () => tf.Tensor[], shared: number]> = {
  "rows of a product": [() => [tf.matMul(random([50, 31], 1), random([31, 37], 2))], 1],
  "rows of a transposed matrix": [
    () => [tf.matMul(random([31, 50], 1), random([31, 37], 2), true)],
    1,
  ],
  "columns of a product": [() => [tf.matMul(random([9, 31], 1), random([31, 85], 2))], 1],
  "columns of a product with a transposed matrix, a bias and an activation": [
    () => [
      tf.fused.matMul({
        ...{ a: random([9, 31], 1) as tf.Tensor2D, b: random([85, 31], 2) as tf.Tensor2D },
        ...{ transposeB: true, bias: random([85], 3), activation: "relu" },
      }),
    ],
    1,
  ],
  "columns with a bias": [
    () => [
      tf.fused.matMul({
        ...{ a: random([9, 31], 1) as tf.Tensor2D, b: random([31, 85], 2) as tf.Tensor2D },
        bias: random([85], 3),
      }),
    ],
    1,
  ],
  "matrices of a batch": [
    () => [tf.matMul(random([7, 20, 31], 1), random([7, 31, 20], 2), false, false)],
    1,
  ],
  "rows of a softmax and of its gradient": [
    () => [
      tf.softmax(random([130, 64], 1)),
      ...run("TrainchartSoftmaxGradient", { dy: random([130, 64], 1), y: random([130, 64], 2) }),
    ],
    2,
  ],
  "rows of a layer normalisation": [
    () =>
      run("TrainchartLayerNorm", {
        ...{ x: random([130, 64], 1), scale: random([64], 2), offset: random([64], 3) },
      }, { size: 64, epsilon: 1e-3 }),
    1,
  ],
  "a convolution and its gradients": [() => gradients([7, 13, 11, 16], [3, 3, 16, 24]), 4],
  "a convolution of few channels": [() => gradients([7, 13, 11, 3], [3, 3, 3, 5]), 4],
  "a depthwise convolution and its gradients": [
    () => {
      const f = (x: tf.Tensor, w: tf.Tensor) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
      const inputs = [random([7, 13, 11, 16], 1), random([3, 3, 16, 1], 2)];
      return [f(inputs[0], inputs[1]), ...tf.grads(f)(inputs)];
    },
    4,
  ],
  "poolings and their gradients": [
    () => {
      const x = random([7, 13, 11, 16], 1) as tf.Tensor4D;
      const average = (x: tf.Tensor) => tf.avgPool(x as tf.Tensor4D, 3, 2, "same");
      const maximum = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, 3, 2, "same");
      return [average(x), tf.grad(average)(x), tf.grad(maximum)(x)];
    },
    4,
  ],
};

function gradients(images: number[], filter: number[]): tf.Tensor[] {
  const f = (x: tf.Tensor, w: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
  const inputs = [random(images, 1), random(filter, 2)];
  return [f(inputs[0], inputs[1]), ...tf.grads(f)(inputs)];
}

for (const [name, [compute, shared]] of Object.entries(CASES)) {
  Deno.test(`three threads share ${name}`, { ignore: !NATIVES.includes("onednn") }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const before = tf.memory().numTensors, worthwhile = { ...WORTHWHILE };
    const { library } = openNative("onednn", 1);
    let begun = 0;
    // They have not begun when the main thread is done, so that it does their shares, too.
    const threads = {
      ...{ count: 2, beginSteps: () => begun++, takeBack: () => true, finish: () => {} },
    } as unknown as Threads;
    const heap = heapWith(library!);
    tf.engine().startScope();
    try {
      const expected = compute();
      useHeap(heap);
      Object.assign(WORTHWHILE, { product: 0, convolution: 0, elements: 0, columns: 0, share: 0 });
      library!.shareWith!(threads);
      compute().forEach((result, i) =>
        assertLess(relativeError(result, expected[i]), 1e-5, `result ${i}`)
      );
      assertEquals(begun, 2 * shared);
    } finally {
      Object.assign(WORTHWHILE, worthwhile);
      library!.shareWith!(undefined);
      tf.engine().endScope();
      await selectBackend({ prefer: "wasm", quiet: true });
    }
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });
}
