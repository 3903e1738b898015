import { assertEquals } from "@std/assert";
import {
  decodeHex,
  encodeHex,
  formatBytes,
  formatClock,
  formatCount,
  formatNumber,
} from "../../src/text/text.ts";

Deno.test("formatClock() writes minutes and seconds, and hours where there are any", () => {
  assertEquals([0, 0.4, 59.6, 245, 3723].map(formatClock), [
    ...["0:00", "0:00", "1:00", "4:05", "1:02:03"],
  ]);
  assertEquals(formatClock(-1), "0:00");
});

Deno.test("formatBytes() never writes 1024 of a unit", () => {
  assertEquals(
    [0, 1023, 1024, 1_500_000, 1024 ** 2 - 1, 1024 ** 3, 2 * 1024 ** 5].map(formatBytes),
    [
      ...["0 B", "1023 B", "1.0 KiB", "1.4 MiB", "1.0 MiB", "1.0 GiB", "2048.0 TiB"],
    ],
  );
});

Deno.test("formatCount() separates thousands", () => {
  assertEquals([0, 999.6, 12_345_678].map(formatCount), ["0", "1,000", "12,345,678"]);
});

Deno.test("formatNumber() keeps four significant digits of numbers of any size", () => {
  assertEquals([0, 0.0873149, 1.23456e-5, 1e-7, 1.5e9, -123456].map(formatNumber), [
    ...["0", "0.08731", "1.235e-5", "1e-7", "1.5e9", "-123500"],
  ]);
  assertEquals([NaN, Infinity].map(formatNumber), ["NaN", "Infinity"]);
});

Deno.test("decodeHex() returns the bytes of encodeHex(), also where an engine has no such function", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assertEquals(encodeHex(bytes).slice(0, 8), "00010203");
  assertEquals(decodeHex(encodeHex(bytes)), bytes);
  const { fromHex } = Uint8Array;
  try {
    Object.assign(Uint8Array, { fromHex: undefined });
    assertEquals(decodeHex(encodeHex(bytes)), bytes);
  } finally {
    Object.assign(Uint8Array, { fromHex });
  }
});
