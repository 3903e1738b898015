import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { decodeDifference, shareMemory } from "../../src/backend/wasm_modules.ts";

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

Deno.test("decodeDifference() reads new bytes, and copies forwards and backwards", () => {
  const source = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  // One new byte; 2 bytes from 1 on; none new; 2 from 1 on, which is 2 before the last end; two new.
  const short = Uint8Array.of(1, 99, 2, 2, 0, 2, 3, 2, 7, 8);
  assertEquals([...decodeDifference(source, short)], [99, 1, 2, 1, 2, 7, 8]);
  // 200 = 72 + 1 * 128 bytes from 8 on.
  const long = Uint8Array.of(0, 72 + 128, 1, 16);
  assertEquals(decodeDifference(source, long), source.slice(8, 208));
});

Deno.test("decodeDifference() refuses bytes that are not complete", () => {
  const source = new Uint8Array(10);
  const decode = (bytes: number[]) => () => decodeDifference(source, Uint8Array.from(bytes));
  for (
    const [part, difference] of [
      ["a number", [200]],
      ["new bytes", [3, 1, 2]],
      ["the place of a copy", [0, 4]],
      ["the source, after its end", [0, 11, 0]],
      ["the source, before its start", [0, 4, 1]],
    ] as [string, number[]][]
  ) {
    assertThrows(decode(difference), RangeError, "its bytes must be complete", part);
  }
});

Deno.test("shareMemory() refuses a module that is cut off", () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const module = Uint8Array.from([...header, 2, 0x80]);
  assertThrows(() => shareMemory(module), RangeError, "they end after 10");
});
