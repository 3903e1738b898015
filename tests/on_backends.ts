import { assertEquals } from "@std/assert";
import { type BackendName, selectBackend, tf } from "../mod.ts";

const { state } = await Deno.permissions.query({ name: "read" });

/** Registers a test once for each backend; those on wasm are ignored where it may not be read. */
export function testOnBackends(
  name: string,
  test: (backend: BackendName) => void | Promise<void>,
): void {
  for (const prefer of ["cpu", "wasm"] as const) {
    Deno.test(
      `${name} [${prefer}]`,
      { ignore: prefer === "wasm" && state !== "granted" },
      async () => {
        await selectBackend({ prefer, quiet: true });
        const before = tf.memory().numTensors;
        tf.engine().startScope();
        try {
          await test(prefer);
        } finally {
          tf.engine().endScope();
        }
        assertEquals(tf.memory().numTensors, before, "tensors are left");
      },
    );
  }
}

/** The largest difference of two tensors, relative to the largest element. */
export function relativeError(actual: tf.Tensor, expected: tf.Tensor | number[]): number {
  const a = actual.dataSync();
  const e = Array.isArray(expected) ? expected : expected.dataSync();
  assertEquals(a.length, e.length, "sizes differ");
  let difference = 0, scale = 1e-30;
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]) !== Number.isNaN(e[i])) return Infinity;
    difference = Math.max(difference, Math.abs(a[i] - e[i]) || 0);
    scale = Math.max(scale, Math.abs(e[i]) || 0);
  }
  return difference / scale;
}
