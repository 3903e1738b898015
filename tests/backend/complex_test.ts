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
  for (const size of [1, 2, 3, 7, 64, 100]) {
    const signal = Array.from({ length: size }, (_, i) => Math.sin(i * i));
    const z = tf.complex(tf.tensor1d(signal), tf.zeros([size]));
    const back = tf.real(tf.ifft(tf.fft(z))).dataSync();
    signal.forEach((value, i) => assertLess(Math.abs(back[i] - value), 1e-5));
    const [first] = tf.real(tf.fft(z)).dataSync();
    assertLess(Math.abs(first - signal.reduce((sum, value) => sum + value, 0)), 1e-4);
  }
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
