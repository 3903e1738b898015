import { assertEquals, assertThrows } from "@std/assert";
import { checkNumber, type NumberRange } from "../../src/checks/check_options.ts";

interface Row {
  range: NumberRange;
  words: string;
  accepted: number[];
  refused: unknown[];
}

const rows: Row[] = [
  { range: {}, words: "finite", accepted: [-1e300, 0], refused: [NaN, Infinity, "1", null] },
  {
    range: { integer: true },
    words: "a safe integer",
    accepted: [-3, 0, 2 ** 53 - 1],
    refused: [0.5, 2 ** 53, -Infinity, 1n],
  },
  {
    range: { integer: true, min: 1 },
    words: "an integer >= 1",
    accepted: [1, 7],
    refused: [0, 1.5, NaN, Infinity, undefined],
  },
  {
    range: { integer: true, min: 0, below: 8 },
    words: "an integer in [0, 8)",
    accepted: [0, 7],
    refused: [-1, 8, 6.5],
  },
  { range: { min: 0, max: 1 }, words: "in [0, 1]", accepted: [0, 1], refused: [-1e-9, 1.1] },
  { range: { above: 0, below: 1 }, words: "in (0, 1)", accepted: [0.5], refused: [0, 1, NaN] },
  { range: { above: 0 }, words: "finite and > 0", accepted: [1e-9], refused: [0, Infinity, "2"] },
  { range: { below: 3 }, words: "finite and < 3", accepted: [-1e9], refused: [3, -Infinity] },
  { range: { max: 3 }, words: "finite and <= 3", accepted: [3], refused: [3.1] },
  {
    range: { above: 0, infinite: true },
    words: "a number > 0",
    accepted: [1, Infinity],
    refused: [0, NaN, -Infinity],
  },
  { range: { above: 0, unit: "ms" }, words: "finite and > 0 ms", accepted: [1], refused: [0] },
];

for (const { range, words, accepted, refused } of rows) {
  Deno.test(`checkNumber() accepts and refuses what is ${words}`, () => {
    for (const value of accepted) assertEquals(checkNumber("wait", "delay", value, range), value);
    for (const value of refused) {
      const error = assertThrows(() => checkNumber("wait", "delay", value, range), RangeError);
      const shown = typeof value === "string" ? `"${value}"` : String(value);
      assertEquals(
        error.message,
        `Cannot wait as delay must be ${words}: current value is ${shown}`,
      );
    }
  });
}
