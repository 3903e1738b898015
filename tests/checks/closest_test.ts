import { assertEquals } from "@std/assert";
import { closest, editDistance } from "../../src/checks/check_options.ts";

Deno.test("editDistance() counts letters that are inserted, deleted or changed", () => {
  const distances: [string, string, number][] = [
    ["", "", 0],
    ["epoch", "", 5],
    ["", "epoch", 5],
    ["epochs", "epoch", 1],
    ["afterBatches", "afterBatch", 2],
    ["kitten", "sitting", 3],
    ["abc", "cab", 2],
  ];
  for (const [a, b, distance] of distances) {
    assertEquals(editDistance(a, b), distance, `${a}, ${b}`);
    assertEquals(editDistance(b, a), distance, `${b}, ${a}`);
  }
});

Deno.test("closest() returns the word with the fewest changes, the first of equals", () => {
  assertEquals(closest("bacth", ["epoch", "batch", "match"]), "batch");
  assertEquals(closest("x", ["abc", "y", "z"]), "y");
  assertEquals(closest("rate", ["rate"]), "rate");
  assertEquals(closest("rate", []), "");
});
