import { assert, assertEquals, assertLess } from "@std/assert";
import { decodeDifference } from "../../src/backend/wasm_modules.ts";

const ignore = (await Deno.permissions.query({ name: "env" })).state !== "granted" ||
  (await Deno.permissions.query({ name: "read" })).state !== "granted";

Deno.test("kernels.generated.ts equals the result of `deno task build:kernels`", {
  ignore,
}, async () => {
  const { buildKernels } = await import("../../scripts/build_kernels.ts");
  const file = new URL("../../src/backend/kernels.generated.ts", import.meta.url);
  assert(await buildKernels() === await Deno.readTextFile(file), "run `deno task build:kernels`");
});

Deno.test("decodeDifference() undoes encodeDifference()", { ignore }, async () => {
  const { encodeDifference } = await import("../../scripts/build_kernels.ts");
  const source = Uint8Array.from({ length: 1000 }, (_, i) => i * i * i % 251);
  const part = (begin: number, end: number) => source.subarray(begin, end);
  for (
    const target of [
      [],
      [source],
      [[1, 2, 3], source, [4]],
      // Forwards, backwards, twice, and too short to be copied.
      [part(500, 900), [7], part(20, 300), part(20, 300), part(700, 705), part(990, 1000)],
    ].map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])))
  ) {
    const difference = encodeDifference(source, target);
    assertEquals(decodeDifference(source, difference), target);
    assertLess(difference.length, 60);
  }
});
