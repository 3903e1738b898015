import { assertEquals } from "@std/assert";
import { tf } from "../mod.ts";

const { state } = await Deno.permissions.query({ name: "write" });

/**
 * Registers a test that gets a new folder, which is removed behind it, and leaves no tensor. It is
 * ignored where nothing may be written.
 */
export function testInFolder(
  name: string,
  test: (folder: string) => Promise<void>,
  ignore = false,
): void {
  Deno.test(name, { ignore: ignore || state !== "granted" }, async () => {
    const folder = await Deno.makeTempDir();
    const before = tf.memory().numTensors;
    try {
      await test(folder);
      assertEquals(tf.memory().numTensors, before, "tensors are left");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
