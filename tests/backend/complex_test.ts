import { assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

const complex = () => tf.complex(tf.tensor1d([1, 2]), tf.tensor1d([3, 4]));

Deno.test("complex numbers move between the backends", { ignore }, async () => {
  const before = tf.memory().numTensors;
  for (const [from, to] of [["cpu", "wasm"], ["wasm", "cpu"]] as const) {
    await selectBackend({ prefer: from, quiet: true });
    tf.engine().startScope();
    const z = complex();
    await selectBackend({ prefer: to, quiet: true });
    const square = z.mul(z);
    assertEquals([...square.dataSync()], [-8, 6, -12, 16]);
    assertEquals([...tf.imag(z).dataSync()], [3, 4]);
    tf.engine().endScope();
  }
  assertEquals(tf.memory().numTensors, before);
});

testOnBackends("the inverse of a Fourier transform gives the signal back, of any length", () => {
  for (const size of [1, 2, 3, 7, 64, 100, 2 ** 14]) {
    const signal = Array.from({ length: size }, (_, i) => Math.sin(i * i));
    const z = tf.complex(tf.tensor1d(signal), tf.zeros([size]));
    const back = tf.real(tf.ifft(tf.fft(z))).dataSync();
    signal.forEach((value, i) => assertLess(Math.abs(back[i] - value), 1e-5));
    const [first] = tf.real(tf.fft(z)).dataSync();
    assertLess(Math.abs(first - signal.reduce((sum, value) => sum + value, 0)), 1e-4);
  }
});

testOnBackends("a Fourier transform is a sum of waves, of each row", () => {
  for (
    const size of [1, 2, 3, 5, 8, 12, 16, 31, 32, 37, 45, 64, 82, 97, 128, 210, 375, 512, 1024]
  ) {
    const rows = 3;
    const [x, y] = [1.3, 0.7].map((step) =>
      Float32Array.from({ length: rows * size }, (_, i) => Math.sin(i * i * step) * 3)
    );
    const z = tf.complex(tf.tensor2d(x, [rows, size]), tf.tensor2d(y, [rows, size]));
    for (const [compute, sign, factor] of [[tf.fft, -1, 1], [tf.ifft, 1, 1 / size]] as const) {
      const actual = compute(z).dataSync();
      for (let row = 0; row < rows; row++) {
        for (let k = 0; k < size; k++) {
          let real = 0, imag = 0;
          for (let i = 0; i < size; i++) {
            const angle = sign * 2 * Math.PI * (i * k % size) / size, at = row * size + i;
            real += factor * (x[at] * Math.cos(angle) - y[at] * Math.sin(angle));
            imag += factor * (x[at] * Math.sin(angle) + y[at] * Math.cos(angle));
          }
          const place = 2 * (row * size + k);
          assertLess(Math.abs(actual[place] - real), 1e-5 * Math.sqrt(size) + 1e-6);
          assertLess(Math.abs(actual[place + 1] - imag), 1e-5 * Math.sqrt(size) + 1e-6);
        }
      }
    }
  }
});

testOnBackends("sums, products and parts of complex numbers are right, with broadcasting", () => {
  const a = tf.complex(tf.tensor2d([[1, 2, 3], [4, 5, 6]]), tf.tensor2d([[0, 1, 0], [-1, 2, -2]]));
  const b = tf.complex(tf.tensor1d([1, -1, 2]), tf.tensor1d([1, 2, 3]));
  const one = tf.complex(1, 2);
  assertEquals([...a.add(b).dataSync()], [2, 1, 1, 3, 5, 3, 5, 0, 4, 4, 8, 1]);
  assertEquals([...b.sub(a).dataSync()], [0, 1, -3, 1, -1, 3, -3, 2, -6, 0, -4, 5]);
  assertEquals([...a.add(one).dataSync()].slice(0, 4), [2, 2, 3, 3]);
  assertEquals([...b.mul(b).dataSync()], [0, 2, -3, -4, -5, 12]);
  assertEquals([...a.mul(b).dataSync()].slice(0, 4), [1, 1, -4, 3]);
  assertEquals([...tf.abs(tf.complex([3, 0], [4, -2])).dataSync()], [5, 2]);
  assertEquals([...tf.real(a).dataSync()], [1, 2, 3, 4, 5, 6]);
  assertEquals([...tf.imag(b).dataSync()], [1, 2, 3]);
  assertEquals(tf.complex(tf.zeros([0]), tf.zeros([0])).dataSync().length, 0);
});

testOnBackends("absolute values of complex numbers are right where squares are no floats", () => {
  const real = [3e30, 3e-30, -Infinity, NaN, NaN, 0, -3];
  const imag = [4e30, 4e-30, NaN, 1, Infinity, -0, 4];
  const sizes = [...tf.abs(tf.complex(real, imag)).dataSync()];
  assertLess(Math.abs(sizes[0] / 5e30 - 1), 1e-6);
  assertLess(Math.abs(sizes[1] / 5e-30 - 1), 1e-6);
  assertEquals(sizes.slice(2), [Infinity, NaN, Infinity, 0, 5]);
});

testOnBackends("complex numbers are moved as a whole", (backend) => {
  // The cpu backend refuses to slice them.
  if (backend === "cpu") return;
  const z = complex();
  const parts = (x: tf.Tensor) => [...x.dataSync()];
  assertEquals(parts(tf.concat([z, z.slice([1], [1])])), [1, 3, 2, 4, 2, 4]);
  assertEquals(parts(z.reshape([1, 2]).transpose()), [1, 3, 2, 4]);
  assertEquals(parts(tf.gather(z, tf.tensor1d([1, 1], "int32"))), [2, 4, 2, 4]);
  assertEquals(parts(z.clone()), [1, 3, 2, 4]);
});
