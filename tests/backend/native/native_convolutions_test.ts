import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { selectBackend, tf } from "../../../mod.ts";
import { convolveArguments } from "../../../src/backend/native/native_kernels.ts";
import type { Pass } from "../../../src/backend/native/native_library.ts";
import { openNative } from "../../../src/backend/native/open_native.ts";
import { heapWith, NATIVES, withNative } from "../../fixtures/native.ts";

const hasOneDnn = NATIVES.includes("onednn");

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);

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
